# What is generated here is written to the cluster and nowhere else: ephemeral values reach write-only arguments.

ephemeral "random_password" "jwt" {
  length  = 64
  special = false
}

ephemeral "random_password" "admin" {
  length  = 64
  special = false
}

ephemeral "random_password" "database" {
  length  = 40
  special = false
}

ephemeral "random_bytes" "master" {
  length = 32
}

locals {
  postgresql_host = "${var.name}-postgresql"
  database_url = var.postgresql == null ? var.database_url : join("", [
    "postgresql://noonmark:", ephemeral.random_password.database.result, "@", local.postgresql_host, ":5432/noonmark",
  ])
}

# Made once. Another master key would close what this one has sealed, so there is no revision to raise: keys are
# changed by hand, as docs/configuration.md tells, and Terraform leaves them alone.
resource "kubernetes_secret_v1" "keys" {
  metadata {
    name      = "${var.name}-keys"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  data_wo = {
    "jwt-secret"   = ephemeral.random_password.jwt.result
    "admin-secret" = ephemeral.random_password.admin.result
    "master-keys"  = "k1:${ephemeral.random_bytes.master.base64}"
  }
  data_wo_revision = 1
}

resource "kubernetes_secret_v1" "database" {
  metadata {
    name      = "${var.name}-database"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  data_wo = {
    "database-url"      = local.database_url
    "postgres-password" = ephemeral.random_password.database.result
  }
  data_wo_revision = var.revisions.database

  lifecycle {
    precondition {
      condition     = var.postgresql != null || var.database_url != null
      error_message = "Say where PostgreSQL is: set database_url, or postgresql = {} for one in the cluster."
    }
  }
}

resource "kubernetes_secret_v1" "mail" {
  metadata {
    name      = "${var.name}-mail"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  data_wo = { for key, value in {
    "resend-api-key" = var.mail.resend_api_key
    "smtp-url"       = var.mail.smtp_url
  } : key => value if value != null }
  data_wo_revision = var.revisions.mail
}

resource "kubernetes_secret_v1" "storage" {
  metadata {
    name      = "${var.name}-storage"
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  data_wo = { for key, value in {
    "storage-url"        = var.storage.url
    "storage-key-id"     = var.storage.key_id
    "storage-secret-key" = var.storage.secret_key
  } : key => value if value != null }
  data_wo_revision = var.revisions.storage
}
