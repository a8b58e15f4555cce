output "url" {
  description = "Where the API and the dashboard are, once its name points at the ingress."
  value       = var.public_url
}

output "sign_in" {
  description = "How to sign in."
  value       = "Open ${var.public_url} and ask for a link; it comes by mail."
}

output "admin_secret" {
  description = "How to read the operator's credential, which Terraform does not know."
  value = join(" ", [
    "kubectl -n ${var.namespace} get secret ${kubernetes_secret_v1.keys.metadata[0].name}",
    "-o jsonpath='{.data.admin-secret}' | base64 -d",
  ])
}

output "scale" {
  description = "How to have more schedulers, or fewer."
  value       = "terraform apply -var schedulers=${var.schedulers + 2}"
}

output "look" {
  description = "How to see what runs."
  value       = "kubectl -n ${var.namespace} get pods"
}

output "values" {
  description = "What the chart is told. No secret is among it."
  value       = [yamlencode(local.values), yamlencode(var.values)]
}
