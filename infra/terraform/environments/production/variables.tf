variable "kubeconfig" {
  description = "File with the cluster's credentials."
  type        = string

  validation {
    condition     = can(filesha256(pathexpand(var.kubeconfig)))
    error_message = "kubeconfig is not there, or cannot be read."
  }
}

variable "kubeconfig_context" {
  description = "Which of its contexts; none is the current one."
  type        = string
  default     = null
}

variable "public_url" {
  description = "Where users reach it."
  type        = string

  validation {
    condition     = startswith(var.public_url, "https://")
    error_message = "public_url begins with https:// in production: sign-in links and tokens travel over it."
  }
}

variable "images" {
  description = "Where the cluster finds the images, and their tag."
  type = object({
    server       = string
    scheduler    = string
    tag          = string
    pull_secrets = optional(list(string), [])
  })
}

variable "database_url" {
  description = "PostgreSQL, as TF_VAR_database_url; direct, not through a transaction pooler. Kept in the cluster alone."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "database_cidrs" {
  description = "Where that PostgreSQL is: the only ranges that pods may reach on its port."
  type        = list(string)

  validation {
    condition     = length(var.database_cidrs) > 0 && alltrue([for block in var.database_cidrs : can(cidrhost(block, 0))])
    error_message = "database_cidrs lists at least one range, such as 10.0.5.0/24."
  }
}

variable "database_port" {
  description = "Its port."
  type        = number
  default     = 5432
}

variable "mail" {
  description = "resend_api_key or smtp_url, as TF_VAR_mail='{\"resend_api_key\":\"…\"}'."
  type = object({
    resend_api_key = optional(string)
    smtp_url       = optional(string)
  })
  sensitive = true
  ephemeral = true

  validation {
    condition     = var.mail.resend_api_key != null || var.mail.smtp_url != null
    error_message = "mail needs resend_api_key or smtp_url: without one nobody can sign in."
  }
}

variable "mail_from" {
  description = "Sender of mails, of a domain that the mail service has verified."
  type        = string
}

variable "storage" {
  description = "Bucket for files of jobs, s3://bucket/prefix?endpoint=https://…&region=…, and its keys, as TF_VAR_storage."
  type = object({
    url        = optional(string)
    key_id     = optional(string)
    secret_key = optional(string)
  })
  default   = {}
  sensitive = true
  ephemeral = true
}

variable "revisions" {
  description = "Raise `database`, `mail` or `storage` when you change that secret."
  type = object({
    database = optional(number, 1)
    mail     = optional(number, 1)
    storage  = optional(number, 1)
  })
  default = {}
}

variable "servers" {
  description = "API replicas, fewest and most."
  type = object({
    least = optional(number, 2)
    most  = optional(number, 10)
  })
  default = {}

  validation {
    condition     = var.servers.least >= 2 && var.servers.most >= var.servers.least
    error_message = "servers.least is at least 2, so that an upgrade or a lost node is not noticed, and not above servers.most."
  }
}

variable "schedulers" {
  description = "Scheduler replicas, fewest and most."
  type = object({
    least = optional(number, 2)
    most  = optional(number, 20)
  })
  default = {}

  validation {
    condition     = var.schedulers.least >= 2 && var.schedulers.most >= var.schedulers.least
    error_message = "schedulers.least is at least 2, so that a lost node is not noticed, and not above schedulers.most."
  }
}

variable "scale_on_lateness" {
  description = "More schedulers when jobs are late. Needs an adapter that offers the metric: see infra/helm/README.md."
  type        = bool
  default     = false
}

variable "ingress" {
  description = "Class, annotations and the Secret with the certificate, as your cluster's ingress wants them."
  type = object({
    class       = string
    annotations = optional(map(string), {})
    tls_secret  = optional(string, "noonmark-tls")
  })
}

variable "prometheus_operator" {
  description = "Whether the cluster has the Prometheus operator: then its objects, rules and dashboards are made."
  type        = bool
  default     = false
}
