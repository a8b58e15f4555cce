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
  value       = "terraform apply -var 'schedulers={least=${var.schedulers.least + 2},most=${var.schedulers.most}}'"
}

output "look" {
  description = "How to see what runs."
  value       = module.noonmark.look
}
