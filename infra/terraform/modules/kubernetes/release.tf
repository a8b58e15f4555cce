resource "helm_release" "this" {
  name      = var.name
  namespace = kubernetes_namespace_v1.this.metadata[0].name
  chart     = abspath("${path.module}/../../../helm/noonmark")
  values    = [yamlencode(local.values), yamlencode(var.values)]

  # A release that does not come up is rolled back, and says so.
  atomic          = true
  cleanup_on_fail = true
  timeout         = var.timeout_seconds

  depends_on = [kubernetes_stateful_set_v1.postgresql]
}

output "release" {
  description = "The release, and the chart's version."
  value       = "${helm_release.this.name} (${helm_release.this.version})"
}
