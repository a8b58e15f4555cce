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
  in_storage_secret  = { name = kubernetes_secret_v1.storage.metadata[0].name }
  revision_of_all    = "${var.revisions.database}.${var.revisions.storage}"

  values = {
    fullnameOverride = var.name
    publicUrl        = var.public_url
    images = {
      server      = { repository = var.images.server, tag = var.images.tag }
      scheduler   = { repository = var.images.scheduler, tag = var.images.tag }
      pullSecrets = var.images.pull_secrets
    }
    secrets = {
      existingSecret   = kubernetes_secret_v1.keys.metadata[0].name
      databaseUrl      = local.in_database_secret
      resendApiKey     = local.in_mail_secret
      smtpUrl          = local.in_mail_secret
      storageUrl       = local.in_storage_secret
      storageKeyId     = local.in_storage_secret
      storageSecretKey = local.in_storage_secret
    }
    settings = { mailFrom = var.mail_from }
    server = {
      replicas = var.servers
      # Pods read a Secret when they start: another revision starts them anew.
      podAnnotations = { "noonmark/secrets" = "${local.revision_of_all}.${var.revisions.mail}" }
    }
    scheduler = {
      replicas       = var.schedulers
      podAnnotations = { "noonmark/secrets" = local.revision_of_all }
    }
    reaper = {
      podAnnotations = { "noonmark/secrets" = local.revision_of_all }
    }
    networkPolicy = var.postgresql == null ? {} : {
      postgresql = { to = [{ podSelector = { matchLabels = local.postgresql_labels } }] }
    }
  }
}
