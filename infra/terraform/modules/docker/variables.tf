variable "name" {
  description = "Begins the name of every container, network and volume, so that several can share a machine."
  type        = string
  default     = "noonmark"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}$", var.name))
    error_message = "name is a word of small letters, digits and dashes, at most 31 of them."
  }
}

variable "images" {
  description = "The three images. Ours come from `make images`; all are pulled where the machine has them not."
  type = object({
    server    = string
    scheduler = string
    postgres  = optional(string, "postgres:17-bookworm")
  })

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("^[^\\s:@]+(:[0-9]+/[^\\s:@]+)?[:@]\\S+$", image))])
    error_message = "Every image has a tag or a digest: noonmark/server:0.1.0. Without one nobody knows what is running."
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

variable "listen" {
  description = "Where the API is published on the machine. Loopback unless a proxy on another machine ends TLS."
  type = object({
    address = optional(string, "127.0.0.1")
    port    = optional(number, 8080)
  })
  default = {}

  validation {
    condition     = var.listen.port >= 1 && var.listen.port <= 65535
    error_message = "listen.port is a port, 1 to 65535."
  }
  validation {
    condition     = can(cidrhost("${var.listen.address}/32", 0))
    error_message = "listen.address is an IPv4 address of the machine, such as 127.0.0.1 or 0.0.0.0."
  }
}

variable "development" {
  description = "Shows mails at /dev/outbox, to whoever is inside the server's container. Never where strangers sign in."
  type        = bool
  default     = false
}

variable "schedulers" {
  description = "Scheduler replicas. Change it at any time: one that goes drains first."
  type        = number
  default     = 2

  validation {
    condition     = var.schedulers >= 0 && var.schedulers <= 64 && floor(var.schedulers) == var.schedulers
    error_message = "schedulers is a whole number from 0 to 64."
  }
}

variable "concurrency" {
  description = "Calls in flight per scheduler."
  type        = number
  default     = 512

  validation {
    condition     = var.concurrency >= 1 && var.concurrency <= 20000
    error_message = "concurrency is between 1 and 20,000 calls per scheduler."
  }
}

variable "drain_seconds" {
  description = "How long calls in flight may take after a scheduler was told to stop."
  type        = number
  default     = 60

  validation {
    condition     = var.drain_seconds >= 0 && var.drain_seconds <= 3600
    error_message = "drain_seconds is between 0 and 3,600 seconds."
  }
}

variable "egress_allow" {
  description = "Ranges that jobs may call besides public addresses."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for block in var.egress_allow : can(cidrhost(block, 0))])
    error_message = "egress_allow lists ranges such as 10.20.0.0/16."
  }
}

variable "targets_subnet" {
  description = "Makes a network for receivers on this machine, with this range, which jobs may then call."
  type        = string
  default     = null

  validation {
    condition     = var.targets_subnet == null || can(cidrhost(var.targets_subnet, 1))
    error_message = "targets_subnet is an IPv4 range such as 172.30.99.0/24."
  }
}

variable "trusted_proxies" {
  description = "Proxies in front of the API whose X-Forwarded-For entry counts."
  type        = number
  default     = 0

  validation {
    condition     = var.trusted_proxies >= 0 && var.trusted_proxies <= 10
    error_message = "trusted_proxies is between 0 and 10."
  }
}

variable "secrets_file" {
  description = <<-TEXT
    File on this computer with secrets of your own, one NAME=value a line: RESEND_API_KEY or SMTP_URL, or any that
    would otherwise be made. It is copied to the machine; Terraform keeps its hash, not its content.
  TEXT
  type        = string
  default     = null

  validation {
    condition     = var.secrets_file == null || can(filesha256(var.secrets_file))
    error_message = "secrets_file is not there, or cannot be read."
  }
}

variable "settings" {
  description = "Further settings that are no secrets, for all processes: see docs/configuration.md."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^(NOONMARK|OTEL)_[A-Z_]+$", name))])
    error_message = "settings are variables that begin with NOONMARK_ or OTEL_."
  }
  validation {
    condition = length(setintersection(keys(var.settings), [
      "NOONMARK_JWT_SECRET", "NOONMARK_MASTER_KEYS", "NOONMARK_ADMIN_SECRET",
    ])) == 0
    error_message = "Secrets do not belong into settings, which Terraform keeps in clear: use secrets_file."
  }
}

variable "memory_mb" {
  description = "Most memory of each container."
  type = object({
    postgres  = optional(number, 1024)
    server    = optional(number, 512)
    scheduler = optional(number, 1024)
    reaper    = optional(number, 256)
  })
  default = {}
}
