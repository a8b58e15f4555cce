output "url" {
  description = "Where the API and the dashboard are."
  value       = var.public_url
}

output "sign_in" {
  description = "How to sign in."
  value = var.development ? join(" ", [
    "Open ${var.public_url} and ask for a link; no mail leaves, so read it with:",
    "docker exec ${docker_container.server.name} python -c \"import urllib.request as r;",
    "print(r.urlopen('http://127.0.0.1:8080/dev/outbox').read().decode())\"",
  ]) : "Open ${var.public_url} and ask for a link; it comes by mail."
}

output "admin_secret" {
  description = "How to read the operator's credential, which Terraform does not know."
  value       = "docker exec ${docker_container.server.name} sh -c '. ${local.secrets_folder}/environment; echo $NOONMARK_ADMIN_SECRET'"
}

output "scale" {
  description = "How to have more schedulers, or fewer."
  value       = "terraform apply -var schedulers=${var.schedulers + 2}"
}

output "backup" {
  description = "How to take a backup. The secrets are needed to read it: keep a copy of their volume, elsewhere."
  value = join(" ", [
    "docker exec ${docker_container.postgres.name} sh -c",
    "'PGPASSWORD=$(cat ${local.secrets_folder}/postgres-password) pg_dump -U noonmark -Fc noonmark' > noonmark.dump",
  ])
}

output "targets_network" {
  description = "The network that receivers on this machine join."
  value       = docker_network.targets.name
}

output "containers" {
  description = "Names of the containers."
  value = {
    postgres   = docker_container.postgres.name
    server     = docker_container.server.name
    schedulers = docker_container.scheduler[*].name
    reaper     = docker_container.reaper.name
  }
}
