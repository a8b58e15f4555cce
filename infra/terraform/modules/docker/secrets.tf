# Secrets are made on the machine, into a volume, by the first apply, and are kept by all later ones. Terraform
# sees none of them: neither its state nor its plans nor `docker inspect` has any.

resource "docker_volume" "secrets" {
  name = "${var.name}-secrets"
}

locals {
  secrets_folder = "/run/noonmark"
  # Environment of a process, read when it starts.
  with_secrets = ["/bin/sh", "-c", "set -a; . ${local.secrets_folder}/environment; set +a; exec \"$@\"", "noonmark"]
}

resource "docker_container" "secrets" {
  name  = "${var.name}-secrets"
  image = docker_image.server.image_id
  # Root owns a new volume; nothing else of root's is left.
  user         = "0:0"
  entrypoint   = ["python", "-c", file("${path.module}/make_secrets.py")]
  command      = [local.secrets_folder]
  network_mode = "none"
  read_only    = true
  attach       = true
  logs         = true
  must_run     = false

  capabilities {
    drop = ["ALL"]
  }
  security_opts = ["no-new-privileges:true"]

  mounts {
    type   = "volume"
    source = docker_volume.secrets.name
    target = local.secrets_folder
  }

  dynamic "upload" {
    for_each = var.secrets_file == null ? [] : [var.secrets_file]
    content {
      source      = upload.value
      source_hash = filesha256(upload.value)
      file        = "${local.secrets_folder}/given"
      permissions = "0400"
    }
  }

  lifecycle {
    postcondition {
      condition     = self.exit_code == 0
      error_message = "The secrets could not be made: ${coalesce(self.container_logs, "see docker logs ${var.name}-secrets")}"
    }
  }
}
