variable "hcloud_token" {
  description = "Hetzner Cloud's API token, as TF_VAR_hcloud_token."
  type        = string
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = length(var.hcloud_token) == 64
    error_message = "hcloud_token is a token of Hetzner Cloud's console: 64 characters."
  }
}

variable "ssh_public_key" {
  description = "Who may sign in on the machine: the content of an id_ed25519.pub."
  type        = string
}

variable "admin_cidrs" {
  description = "Where SSH and the cluster's API may be reached from."
  type        = list(string)
}

variable "public_url" {
  description = "Where users reach it. Point the name at the machine's address before the second apply."
  type        = string
}

variable "acme_email" {
  description = "Address for Let's Encrypt."
  type        = string
}

variable "server_type" {
  description = "Size of the machine."
  type        = string
  default     = "cx33"
}

variable "location" {
  description = "Where it stands."
  type        = string
  default     = "fsn1"
}

variable "kubeconfig" {
  description = "The machine's kubeconfig, once there is one: see the output of the first apply."
  type        = string
  default     = null

  validation {
    condition     = var.kubeconfig == null || can(filesha256(var.kubeconfig))
    error_message = "kubeconfig is not there, or cannot be read; the output `kubeconfig` says how to get it."
  }
}

variable "images" {
  description = "Where the cluster finds the images."
  type = object({
    server    = optional(string, "noonmark/server")
    scheduler = optional(string, "noonmark/scheduler")
    tag       = optional(string, "0.1.0")
  })
  default = {}
}

variable "mail" {
  description = "resend_api_key or smtp_url, as TF_VAR_mail='{\"smtp_url\":\"…\"}'."
  type = object({
    resend_api_key = optional(string)
    smtp_url       = optional(string)
  })
  default   = {}
  sensitive = true
  ephemeral = true
}

variable "mail_from" {
  description = "Sender of mails."
  type        = string
  default     = "Noonmark <noonmark@localhost>"
}

variable "schedulers" {
  description = "Scheduler replicas."
  type        = number
  default     = 2
}
