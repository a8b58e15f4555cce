output "url" {
  description = "The API and the dashboard."
  value       = module.noonmark.url
}

output "sign_in" {
  description = "How to sign in."
  value       = module.noonmark.sign_in
}

output "admin_secret" {
  description = "How to read the operator's credential."
  value       = module.noonmark.admin_secret
}

output "scale" {
  description = "How to have more schedulers."
  value       = module.noonmark.scale
}

output "backup" {
  description = "How to take a backup."
  value       = module.noonmark.backup
}

output "containers" {
  description = "Names of the containers."
  value       = module.noonmark.containers
}

output "targets_network" {
  description = "The network where receivers on this machine can be called."
  value       = module.noonmark.targets_network
}
