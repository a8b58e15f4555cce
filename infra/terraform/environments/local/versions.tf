terraform {
  required_version = ">= 1.11"

  required_providers {
    docker = {
      source  = "kreuzwerker/docker"
      version = "4.6.0"
    }
  }

  # The state stays in this folder: it describes one machine's containers, and holds no secret.
  backend "local" {}
}
