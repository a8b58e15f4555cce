# Images stay on the machine when the rest goes.

resource "docker_image" "server" {
  name         = var.images.server
  keep_locally = true
}

resource "docker_image" "scheduler" {
  name         = var.images.scheduler
  keep_locally = true
}

resource "docker_image" "postgres" {
  name         = var.images.postgres
  keep_locally = true
}
