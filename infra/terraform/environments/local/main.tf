# Everything on this machine, for a look around and for tests: no mail leaves, and jobs may call a network of its own.

provider "docker" {
  host = var.docker_host
}

module "noonmark" {
  source = "../../modules/docker"

  name           = var.name
  images         = var.images
  public_url     = "http://127.0.0.1:${var.port}"
  listen         = { port = var.port }
  development    = true
  schedulers     = var.schedulers
  drain_seconds  = var.drain_seconds
  targets_subnet = var.targets_subnet
}
