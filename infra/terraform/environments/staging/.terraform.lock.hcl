# Versions, without checksums: the first `terraform init` writes them in (README.md, "Versions").

provider "registry.terraform.io/hashicorp/helm" {
  version     = "2.17.0"
  constraints = "~> 2.17, 2.17.0"
}

provider "registry.terraform.io/hashicorp/kubernetes" {
  version     = "3.2.1"
  constraints = "~> 3.2, 3.2.1"
}

provider "registry.terraform.io/hashicorp/random" {
  version     = "3.9.0"
  constraints = "~> 3.9, 3.9.0"
}

provider "registry.terraform.io/hetznercloud/hcloud" {
  version     = "1.59.0"
  constraints = "~> 1.59, 1.59.0"
}
