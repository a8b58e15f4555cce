# Each is replaced when its image, its settings or the secrets change; a label says which secrets it has read.

locals {
  settings = merge({
    PUBLIC_URL            = var.public_url
    NOONMARK_HOST         = "0.0.0.0"
    NOONMARK_ENV          = var.development ? "development" : "production"
    NOONMARK_EGRESS_ALLOW = join(",", concat(var.egress_allow, var.targets_subnet == null ? [] : [var.targets_subnet]))
  }, var.settings)

  server_settings = merge(local.settings, {
    PORT                     = 8080
    NOONMARK_TRUSTED_PROXIES = var.trusted_proxies
  })
  scheduler_settings = merge(local.settings, {
    NOONMARK_METRICS_PORT  = 9090
    NOONMARK_CONCURRENCY   = var.concurrency
    NOONMARK_DRAIN_SECONDS = var.drain_seconds
    NOONMARK_DATA_DIR      = "/tmp/noonmark"
  })
  reaper_settings = merge(local.settings, { NOONMARK_METRICS_PORT = 9090 })

  # Of a container that serves on a port: whether it can do its work.
  ready = { for port in [8080, 9090] : port => [
    "CMD", "python", "-c",
    "import urllib.request as r; r.urlopen('http://127.0.0.1:${port}/readyz', timeout=4)",
  ] }
}

resource "docker_container" "migrate" {
  name       = "${var.name}-migrate"
  image      = docker_image.server.image_id
  entrypoint = local.with_secrets
  command    = ["python", "-m", "app", "migrate"]
  attach     = true
  logs       = true
  must_run   = false

  read_only     = true
  security_opts = ["no-new-privileges:true"]
  tmpfs         = { "/tmp" = "mode=1777" }
  capabilities {
    drop = ["ALL"]
  }

  mounts {
    type      = "volume"
    source    = docker_volume.secrets.name
    target    = local.secrets_folder
    read_only = true
  }
  networks_advanced {
    name = docker_network.inside.name
  }
  labels {
    label = "noonmark.secrets"
    value = docker_container.secrets.id
  }
  labels {
    label = "noonmark.database"
    value = docker_container.postgres.id
  }

  lifecycle {
    postcondition {
      condition     = self.exit_code == 0
      error_message = "The migration failed; see docker logs ${var.name}-migrate, then apply with -replace of this container."
    }
  }
}

resource "docker_container" "server" {
  name       = "${var.name}-server"
  image      = docker_image.server.image_id
  entrypoint = local.with_secrets
  command    = ["python", "-m", "app"]
  env        = [for name, value in local.server_settings : "${name}=${value}"]

  restart               = "unless-stopped"
  stop_timeout          = 45
  destroy_grace_seconds = 45
  memory                = var.memory_mb.server

  read_only     = true
  security_opts = ["no-new-privileges:true"]
  tmpfs         = { "/tmp" = "mode=1777" }
  capabilities {
    drop = ["ALL"]
  }

  mounts {
    type      = "volume"
    source    = docker_volume.secrets.name
    target    = local.secrets_folder
    read_only = true
  }
  networks_advanced {
    name = docker_network.inside.name
  }
  networks_advanced {
    name    = docker_network.outside.name
    aliases = ["server"]
  }
  ports {
    internal = 8080
    external = var.listen.port
    ip       = var.listen.address
  }
  labels {
    label = "noonmark.secrets"
    value = docker_container.secrets.id
  }

  healthcheck {
    test         = local.ready[8080]
    interval     = "5s"
    timeout      = "5s"
    start_period = "20s"
    retries      = 3
  }
  wait         = true
  wait_timeout = 120

  depends_on = [docker_container.migrate]

  lifecycle {
    # The engine fills it in, by what its kernel can count.
    ignore_changes = [memory_swap]
  }
}

resource "docker_container" "scheduler" {
  count = var.schedulers

  name       = "${var.name}-scheduler-${count.index}"
  image      = docker_image.scheduler.image_id
  entrypoint = local.with_secrets
  command    = ["python", "-m", "scheduler"]
  env        = [for name, value in local.scheduler_settings : "${name}=${value}"]

  # What is in flight may take the drain, and is written after it.
  restart               = "unless-stopped"
  init                  = true
  stop_timeout          = var.drain_seconds + 30
  destroy_grace_seconds = var.drain_seconds + 30
  memory                = var.memory_mb.scheduler

  read_only     = true
  security_opts = ["no-new-privileges:true"]
  tmpfs         = { "/tmp" = "mode=1777" }
  capabilities {
    drop = ["ALL"]
  }

  mounts {
    type      = "volume"
    source    = docker_volume.secrets.name
    target    = local.secrets_folder
    read_only = true
  }
  networks_advanced {
    name = docker_network.inside.name
  }
  networks_advanced {
    name = docker_network.targets.name
  }
  labels {
    label = "noonmark.secrets"
    value = docker_container.secrets.id
  }

  healthcheck {
    test         = local.ready[9090]
    interval     = "5s"
    timeout      = "5s"
    start_period = "20s"
    retries      = 3
  }
  wait         = true
  wait_timeout = 120

  depends_on = [docker_container.migrate]

  lifecycle {
    # The engine fills it in, by what its kernel can count.
    ignore_changes = [memory_swap]
  }
}

resource "docker_container" "reaper" {
  name       = "${var.name}-reaper"
  image      = docker_image.scheduler.image_id
  entrypoint = local.with_secrets
  command    = ["python", "-m", "reaper"]
  env        = [for name, value in local.reaper_settings : "${name}=${value}"]

  restart               = "unless-stopped"
  init                  = true
  stop_timeout          = 30
  destroy_grace_seconds = 30
  memory                = var.memory_mb.reaper

  read_only     = true
  security_opts = ["no-new-privileges:true"]
  tmpfs         = { "/tmp" = "mode=1777" }
  capabilities {
    drop = ["ALL"]
  }

  mounts {
    type      = "volume"
    source    = docker_volume.secrets.name
    target    = local.secrets_folder
    read_only = true
  }
  networks_advanced {
    name = docker_network.inside.name
  }
  labels {
    label = "noonmark.secrets"
    value = docker_container.secrets.id
  }

  healthcheck {
    test         = local.ready[9090]
    interval     = "5s"
    timeout      = "5s"
    start_period = "20s"
    retries      = 3
  }
  wait         = true
  wait_timeout = 120

  depends_on = [docker_container.migrate]

  lifecycle {
    # The engine fills it in, by what its kernel can count.
    ignore_changes = [memory_swap]
  }
}
