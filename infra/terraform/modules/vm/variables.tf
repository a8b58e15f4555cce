variable "name" {
  description = "Name of the machine."
  type        = string
  default     = "noonmark"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}$", var.name))
    error_message = "name is a word of small letters, digits and dashes, at most 31 of them."
  }
}

variable "server_type" {
  description = "Size of the machine: see Hetzner's list. cx23 has 2 cores and 4 GB, cx33 4 and 8, cx43 8 and 16, in Europe alone; cpx32 is as large as cx33, for when those are sold out."
  type        = string
  default     = "cx33"
}

variable "location" {
  description = "Where it stands: fsn1, nbg1, hel1, ash, hil or sin."
  type        = string
  default     = "fsn1"

  validation {
    condition     = contains(["fsn1", "nbg1", "hel1", "ash", "hil", "sin"], var.location)
    error_message = "location is one of fsn1, nbg1, hel1 (Europe), ash, hil (America), sin (Asia)."
  }
}

variable "image" {
  description = "Operating system. cloud-init below is written for Debian."
  type        = string
  default     = "debian-12"
}

variable "ssh_public_key" {
  description = "Who may sign in as root: the content of an id_ed25519.pub."
  type        = string

  validation {
    condition     = can(regex("^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp[0-9]+|sk-ssh-ed25519@openssh\\.com) [A-Za-z0-9+/=]+", var.ssh_public_key))
    error_message = "ssh_public_key is the content of a .pub file; it begins with ssh-ed25519, for example."
  }
}

variable "admin_cidrs" {
  description = "Where SSH and the cluster's API may be reached from: your own address, as 198.51.100.7/32."
  type        = list(string)

  validation {
    condition     = length(var.admin_cidrs) > 0 && alltrue([for block in var.admin_cidrs : can(cidrhost(block, 0))])
    error_message = "admin_cidrs lists at least one range, such as 198.51.100.7/32."
  }
  validation {
    condition     = !contains(var.admin_cidrs, "0.0.0.0/0") && !contains(var.admin_cidrs, "::/0")
    error_message = "admin_cidrs may not be everybody: this machine's SSH and cluster are for you alone."
  }
}

variable "k3s_version" {
  description = "Version of k3s, as its releases are called."
  type        = string
  default     = "v1.33.4+k3s1"
}

variable "acme_email" {
  description = "Address for Let's Encrypt, which then gives every ingress its certificate. None: no certificates."
  type        = string
  default     = null
}

variable "backups" {
  description = "Daily copies of the whole disk, kept for a week; costs a fifth more."
  type        = bool
  default     = true
}

variable "protected" {
  description = "Keeps the machine from being deleted until this is false again."
  type        = bool
  default     = false
}
