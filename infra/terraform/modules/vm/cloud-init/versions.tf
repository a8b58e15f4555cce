# Apart from the machine, because it needs no provider: what a machine is told can be tested anywhere.
terraform {
  required_version = ">= 1.11"
}
