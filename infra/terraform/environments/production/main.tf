# A cluster and a PostgreSQL that somebody keeps for you; this puts Noonmark between them.

provider "kubernetes" {
  config_path    = var.kubeconfig
  config_context = var.kubeconfig_context
}

provider "helm" {
  kubernetes = {
    config_path    = var.kubeconfig
    config_context = var.kubeconfig_context
  }
}

module "noonmark" {
  source = "../../modules/kubernetes"

  public_url   = var.public_url
  images       = var.images
  database_url = var.database_url
  mail         = var.mail
  storage      = var.storage
  revisions    = var.revisions
  mail_from    = var.mail_from
  servers      = var.servers.least
  schedulers   = var.schedulers.least

  values = {
    server = {
      autoscaling = { enabled = true, minReplicas = var.servers.least, maxReplicas = var.servers.most }
    }
    scheduler = {
      autoscaling = {
        enabled     = true
        minReplicas = var.schedulers.least
        maxReplicas = var.schedulers.most
        lateness    = { enabled = var.scale_on_lateness }
      }
    }
    reaper = { replicas = 2 }
    networkPolicy = {
      postgresql = {
        to   = [for block in var.database_cidrs : { ipBlock = { cidr = block } }]
        port = var.database_port
      }
    }
    ingress = {
      enabled     = true
      className   = var.ingress.class
      annotations = var.ingress.annotations
      tlsSecret   = var.ingress.tls_secret
    }
    serviceMonitor = { enabled = var.prometheus_operator }
    prometheusRule = { enabled = var.prometheus_operator }
    dashboards     = { enabled = var.prometheus_operator }
  }
}
