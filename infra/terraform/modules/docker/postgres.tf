resource "docker_volume" "database" {
  name = "${var.name}-database"
}

resource "docker_container" "postgres" {
  name    = "${var.name}-postgres"
  image   = docker_image.postgres.image_id
  user    = "postgres"
  command = ["postgres", "-c", "max_connections=200", "-c", "shared_buffers=256MB"]
  env = [
    "POSTGRES_USER=noonmark",
    "POSTGRES_DB=noonmark",
    "POSTGRES_PASSWORD_FILE=${local.secrets_folder}/postgres-password",
  ]

  restart               = "unless-stopped"
  stop_signal           = "SIGINT"
  stop_timeout          = 60
  destroy_grace_seconds = 60
  memory                = var.memory_mb.postgres
  shm_size              = 256

  read_only     = true
  security_opts = ["no-new-privileges:true"]
  tmpfs = {
    "/tmp"                = "mode=1777"
    "/var/run/postgresql" = "mode=1777"
  }
  capabilities {
    drop = ["ALL"]
  }

  mounts {
    type   = "volume"
    source = docker_volume.database.name
    target = "/var/lib/postgresql/data"
  }
  mounts {
    type      = "volume"
    source    = docker_volume.secrets.name
    target    = local.secrets_folder
    read_only = true
  }

  networks_advanced {
    name    = docker_network.inside.name
    aliases = ["postgres"]
  }

  # Over TCP: while the database is being made, it answers on its socket alone.
  healthcheck {
    test     = ["CMD", "pg_isready", "--quiet", "--host=127.0.0.1", "--username=noonmark", "--dbname=noonmark"]
    interval = "2s"
    timeout  = "5s"
    retries  = 30
  }
  wait         = true
  wait_timeout = 120

  depends_on = [docker_container.secrets]

  lifecycle {
    # The engine fills it in, by what its kernel can count.
    ignore_changes = [memory_swap]
  }
}
