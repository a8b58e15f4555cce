variable "name" {
  description = "Name of the release."
  type        = string
  default     = "noonmark"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}$", var.name))
    error_message = "name is a word of small letters, digits and dashes, at most 31 of them."
  }
}

variable "namespace" {
  description = "Namespace to make for it, held to the restricted pod security standard."
  type        = string
  default     = "noonmark"

  validation {
    condition     = can(regex("^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$", var.namespace))
    error_message = "namespace is a word of small letters, digits and dashes, at most 52 of them."
  }
}

variable "public_url" {
  description = "Where users reach the API; links in mails start with it."
  type        = string

  validation {
    condition     = can(regex("^https?://[A-Za-z0-9.-]+(:[0-9]+)?$", var.public_url))
    error_message = "public_url is written scheme://host[:port], without a path: https://jobs.example.com."
  }
}

variable "images" {
  description = "Where the cluster finds our two images, and their tag."
  type = object({
    server       = optional(string, "noonmark/server")
    scheduler    = optional(string, "noonmark/scheduler")
    tag          = optional(string, "0.1.0")
    pull_secrets = optional(list(string), [])
  })
  default = {}

  validation {
    condition     = !endswith(var.images.tag, "latest") && length(var.images.tag) > 0
    error_message = "images.tag names a version: with latest nobody knows what is running."
  }
}

variable "database_url" {
  description = "PostgreSQL to use, postgresql://…; direct, not through a transaction pooler. None where postgresql is set."
  type        = string
  default     = null
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = var.database_url == null || can(regex("^postgres(ql)?://", var.database_url))
    error_message = "database_url begins with postgresql://."
  }
}

variable "postgresql" {
  description = "A PostgreSQL in the cluster, one pod on one volume: for trying out and for small installations. None: database_url."
  type = object({
    image         = optional(string, "postgres:17-bookworm")
    storage       = optional(string, "10Gi")
    storage_class = optional(string)
    memory        = optional(string, "1Gi")
    user_id       = optional(number, 999)
  })
  default = null

  validation {
    condition     = var.postgresql == null || can(regex("^[0-9]+(Mi|Gi|Ti)$", var.postgresql.storage))
    error_message = "postgresql.storage is a size such as 10Gi."
  }
}

variable "mail" {
  description = "How sign-in mails leave: by Resend's API key, or an SMTP server's URL."
  type = object({
    resend_api_key = optional(string)
    smtp_url       = optional(string)
  })
  default   = {}
  sensitive = true
  ephemeral = true

  validation {
    condition     = var.mail.smtp_url == null || can(regex("^smtps?://", var.mail.smtp_url))
    error_message = "mail.smtp_url is written smtp[s]://user:password@host:port."
  }
}

variable "storage" {
  description = "Bucket for files of jobs, s3://bucket/prefix?endpoint=https://…&region=…, and its keys. Without it files stay in pods."
  type = object({
    url        = optional(string)
    key_id     = optional(string)
    secret_key = optional(string)
  })
  default   = {}
  sensitive = true
  ephemeral = true

  validation {
    condition     = var.storage.url == null || can(regex("^s3://", var.storage.url))
    error_message = "storage.url begins with s3://: pods share no folder."
  }
}

variable "revisions" {
  description = <<-TEXT
    Raise one to have its Secret written anew. Terraform cannot see the values it has written, so it is told when
    they changed. `database` also makes a new password for a PostgreSQL in the cluster, whose role keeps the old one
    until you ALTER it.
  TEXT
  type = object({
    database = optional(number, 1)
    mail     = optional(number, 1)
    storage  = optional(number, 1)
  })
  default = {}
}

variable "mail_from" {
  description = "Sender of mails."
  type        = string
  default     = "Noonmark <noonmark@localhost>"
}

variable "schedulers" {
  description = "Scheduler replicas; the fewest, with an autoscaler."
  type        = number
  default     = 2

  validation {
    condition     = var.schedulers >= 1 && var.schedulers <= 500 && floor(var.schedulers) == var.schedulers
    error_message = "schedulers is a whole number from 1 to 500."
  }
}

variable "servers" {
  description = "API replicas; the fewest, with an autoscaler."
  type        = number
  default     = 2

  validation {
    condition     = var.servers >= 1 && var.servers <= 100 && floor(var.servers) == var.servers
    error_message = "servers is a whole number from 1 to 100."
  }
}

variable "values" {
  description = "Further values of the chart, laid over ours: see infra/helm/noonmark/values.yaml."
  type        = any
  default     = {}
}

variable "timeout_seconds" {
  description = "How long an install or upgrade may take, migrations included."
  type        = number
  default     = 900
}
