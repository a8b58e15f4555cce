variable "docker_host" {
  description = "Where the Docker Engine listens; none is the client's own choice (DOCKER_HOST, or the usual socket)."
  type        = string
  default     = null

  validation {
    condition     = var.docker_host == null || can(regex("^(unix|tcp|ssh)://", var.docker_host))
    error_message = "docker_host is written unix:///path, tcp://host:port or ssh://user@host."
  }
}

variable "name" {
  description = "Begins the names of all that is made."
  type        = string
  default     = "noonmark"
}

variable "images" {
  description = "See the module; `make images` builds ours."
  type = object({
    server    = optional(string, "noonmark/server:0.1.0")
    scheduler = optional(string, "noonmark/scheduler:0.1.0")
    postgres  = optional(string, "postgres:17-bookworm")
  })
  default = {}
}

variable "port" {
  description = "Port of the API on this machine."
  type        = number
  default     = 8080
}

variable "schedulers" {
  description = "Scheduler replicas."
  type        = number
  default     = 2
}

variable "drain_seconds" {
  description = "How long calls in flight may take when a scheduler goes."
  type        = number
  default     = 60
}

variable "targets_subnet" {
  description = "Range of the network for receivers here; change it where it is taken."
  type        = string
  default     = "172.30.99.0/24"
}
