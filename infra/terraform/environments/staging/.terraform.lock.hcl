# Versions, without checksums: the first `terraform init` writes them in (README.md, "Versions").

provider "registry.terraform.io/hashicorp/helm" {
  version     = "3.1.1"
  constraints = "3.1.1, ~> 3.1"
}

provider "registry.terraform.io/hashicorp/kubernetes" {
  version     = "3.2.1"
  constraints = "3.2.1, ~> 3.2"
}

provider "registry.terraform.io/hashicorp/random" {
  version     = "3.9.0"
  constraints = "3.9.0, ~> 3.9"
}

provider "registry.terraform.io/hetznercloud/hcloud" {
  version     = "1.59.0"
  constraints = "1.59.0, ~> 1.59"
}
