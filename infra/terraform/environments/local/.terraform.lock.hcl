# Versions, without checksums: the first `terraform init` writes them in (README.md, "Versions").

provider "registry.terraform.io/kreuzwerker/docker" {
  version     = "4.6.0"
  constraints = "4.6.0, ~> 4.6"
}
