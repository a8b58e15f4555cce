locals {
  everybody = ["0.0.0.0/0", "::/0"]
}

module "cloud_init" {
  source = "./cloud-init"

  k3s_version = var.k3s_version
  acme_email  = var.acme_email
}

resource "hcloud_ssh_key" "this" {
  name       = var.name
  public_key = trimspace(var.ssh_public_key)
}

resource "hcloud_firewall" "this" {
  name = var.name

  dynamic "rule" {
    for_each = { ssh = "22", kubernetes = "6443" }
    content {
      description = rule.key
      direction   = "in"
      protocol    = "tcp"
      port        = rule.value
      source_ips  = var.admin_cidrs
    }
  }

  dynamic "rule" {
    for_each = { http = "80", https = "443" }
    content {
      description = rule.key
      direction   = "in"
      protocol    = "tcp"
      port        = rule.value
      source_ips  = local.everybody
    }
  }

  rule {
    description = "ping"
    direction   = "in"
    protocol    = "icmp"
    source_ips  = local.everybody
  }
}

resource "hcloud_server" "this" {
  name         = var.name
  server_type  = var.server_type
  location     = var.location
  image        = var.image
  ssh_keys     = [hcloud_ssh_key.this.id]
  firewall_ids = [hcloud_firewall.this.id]
  user_data    = module.cloud_init.content
  backups      = var.backups

  delete_protection  = var.protected
  rebuild_protection = var.protected

  labels = { "part-of" = "noonmark" }

  lifecycle {
    # They count at the first start alone, and a change of one would make another, empty machine. k3s is upgraded
    # on the machine.
    ignore_changes = [user_data, image, ssh_keys]
  }
}
