variable "k3s_version" {
  description = "Version of k3s, as its releases are called."
  type        = string

  validation {
    condition     = can(regex("^v[0-9]+\\.[0-9]+\\.[0-9]+\\+k3s[0-9]+$", var.k3s_version))
    error_message = "k3s_version is written v1.33.4+k3s1."
  }
}

variable "acme_email" {
  description = "Address for Let's Encrypt, which then gives every ingress its certificate. None: no certificates."
  type        = string
  default     = null

  validation {
    condition     = var.acme_email == null || can(regex("^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$", var.acme_email))
    error_message = "acme_email is an e-mail address."
  }
}
