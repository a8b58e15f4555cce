# One rented machine with all of it. The first apply makes the machine; the second, told where its kubeconfig is,
# puts Noonmark on it. Two, because Terraform cannot speak to a cluster that is not there yet.

provider "hcloud" {
  token = var.hcloud_token
}

provider "kubernetes" {
  config_path = var.kubeconfig
}

provider "helm" {
  kubernetes = {
    config_path = var.kubeconfig
  }
}

module "machine" {
  source = "../../modules/vm"

  name           = "noonmark-staging"
  server_type    = var.server_type
  location       = var.location
  ssh_public_key = var.ssh_public_key
  admin_cidrs    = var.admin_cidrs
  acme_email     = var.acme_email
  backups        = false
}

module "noonmark" {
  source = "../../modules/kubernetes"
  count  = var.kubeconfig == null ? 0 : 1

  public_url = var.public_url
  images     = var.images
  postgresql = { storage = "20Gi" }
  mail       = var.mail
  mail_from  = var.mail_from
  servers    = 1
  schedulers = var.schedulers

  values = {
    ingress = {
      enabled   = true
      className = "traefik"
      annotations = {
        "traefik.ingress.kubernetes.io/router.entrypoints"      = "websecure"
        "traefik.ingress.kubernetes.io/router.tls"              = "true"
        "traefik.ingress.kubernetes.io/router.tls.certresolver" = "letsencrypt"
      }
    }
    # One node: nothing to spread over, and a drain of it takes everything along anyway.
    topologySpread = { enabled = false }
  }
}
