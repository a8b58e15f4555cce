terraform {
  required_version = ">= 1.11"

  required_providers {
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = "3.2.1"
    }
    helm = {
      source  = "hashicorp/helm"
      version = "3.1.1"
    }
    random = {
      source  = "hashicorp/random"
      version = "3.9.0"
    }
  }

  # Any S3-compatible bucket; its address and keys come from backend.hcl (see backend.hcl.example):
  # terraform init -backend-config=backend.hcl
  backend "s3" {
    key          = "noonmark/production.tfstate"
    use_lockfile = true
  }
}
