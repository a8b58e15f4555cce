output "ipv4_address" {
  description = "Where the name of public_url has to point (A)."
  value       = hcloud_server.this.ipv4_address
}

output "ipv6_address" {
  description = "And over IPv6 (AAAA)."
  value       = hcloud_server.this.ipv6_address
}

output "kubeconfig" {
  description = "How to get the cluster's credentials, once the machine is up (about two minutes)."
  value = join(" ", [
    "ssh root@${hcloud_server.this.ipv4_address} 'cloud-init status --wait >/dev/null; cat /etc/rancher/k3s/k3s.yaml' |",
    "sed 's/127.0.0.1/${hcloud_server.this.ipv4_address}/' > kubeconfig && chmod 600 kubeconfig",
  ])
}

output "load_images" {
  description = "How to bring images there without a registry."
  value       = "docker save noonmark/server:0.1.0 noonmark/scheduler:0.1.0 | ssh root@${hcloud_server.this.ipv4_address} k3s ctr images import -"
}
