resource "kubernetes_namespace_v1" "this" {
  metadata {
    name = var.namespace
    labels = {
      "app.kubernetes.io/part-of"          = "noonmark"
      "pod-security.kubernetes.io/enforce" = "restricted"
      "pod-security.kubernetes.io/warn"    = "restricted"
    }
  }
}

locals {
  in_database_secret = { name = kubernetes_secret_v1.database.metadata[0].name }
  in_mail_secret     = { name = kubernetes_secret_v1.mail.metadata[0].name }

  values = {
    fullnameOverride = var.name
    publicUrl        = var.public_url
    images = {
      server      = { repository = var.images.server, tag = var.images.tag }
      scheduler   = { repository = var.images.scheduler, tag = var.images.tag }
      pullSecrets = var.images.pull_secrets
    }
    secrets = {
      existingSecret = kubernetes_secret_v1.keys.metadata[0].name
      databaseUrl    = local.in_database_secret
      resendApiKey   = local.in_mail_secret
      smtpUrl        = local.in_mail_secret
    }
    settings = { mailFrom = var.mail_from }
    server = {
      replicas = var.servers
      # Pods read a Secret when they start: another revision starts them anew.
      podAnnotations = { "noonmark/secrets" = "${var.revisions.database}.${var.revisions.mail}" }
    }
    scheduler = {
      replicas       = var.schedulers
      podAnnotations = { "noonmark/secrets" = tostring(var.revisions.database) }
    }
    reaper = {
      podAnnotations = { "noonmark/secrets" = tostring(var.revisions.database) }
    }
    networkPolicy = var.postgresql == null ? {} : {
      postgresql = { to = [{ podSelector = { matchLabels = local.postgresql_labels } }] }
    }
  }
}
