output "content" {
  description = "The user data of a machine."
  value = templatefile("${path.module}/cloud-init.yaml.tftpl", {
    k3s_version = var.k3s_version
    acme_email  = var.acme_email
  })
}
