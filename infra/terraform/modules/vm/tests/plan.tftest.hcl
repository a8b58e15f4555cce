# What the module would make, with a provider that makes nothing.
mock_provider "hcloud" {}

variables {
  ssh_public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZvbyBiYXIgYmF6IHF1eCBmb28gYmFyIGJheiBxdXg you@example.com"
  admin_cidrs    = ["198.51.100.7/32"]
  acme_email     = "you@example.com"
}

run "ssh_and_the_cluster_are_for_the_operator_alone" {
  command = plan

  assert {
    condition = alltrue([for rule in hcloud_firewall.this.rule :
      contains(["22", "6443"], rule.port) ? rule.source_ips == toset(["198.51.100.7/32"]) : true
    ])
    error_message = "Nobody else reaches them."
  }
}

run "refuses_to_open_ssh_to_everybody" {
  command = plan
  variables {
    admin_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.admin_cidrs]
}

run "refuses_a_private_key" {
  command = plan
  variables {
    ssh_public_key = "-----BEGIN OPENSSH PRIVATE KEY-----"
  }
  expect_failures = [var.ssh_public_key]
}
