output "address" {
  description = "Where public_url's name has to point."
  value       = module.machine.ipv4_address
}

output "kubeconfig" {
  description = "How to get the cluster's credentials."
  value       = module.machine.kubeconfig
}

output "load_images" {
  description = "How to bring images there without a registry."
  value       = module.machine.load_images
}

output "next" {
  description = "What to do next."
  value = var.kubeconfig == null ? join("\n", [
    "1. Point the name of ${var.public_url} at ${module.machine.ipv4_address}.",
    "2. Get the credentials: the output `kubeconfig`.",
    "3. Bring the images there: the output `load_images`, or a registry.",
    "4. terraform apply -var kubeconfig=kubeconfig",
  ]) : "Noonmark is up: ${var.public_url}"
}

output "noonmark" {
  description = "How to sign in, scale, look inside."
  value       = one(module.noonmark[*])
}
