"""The chart rendered, and Terraform's modules planned. `infra/tools` builds what that needs."""
