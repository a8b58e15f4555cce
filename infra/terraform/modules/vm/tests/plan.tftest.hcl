# What the module would make, with a provider that makes nothing.
mock_provider "hcloud" {
  mock_resource "hcloud_firewall" {
    defaults = { id = "7" }
  }
  mock_resource "hcloud_server" {
    defaults = { ipv4_address = "198.51.100.20", ipv6_address = "2001:db8::1" }
  }
}

variables {
  ssh_public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZvbyBiYXIgYmF6IHF1eCBmb28gYmFyIGJheiBxdXg you@example.com"
  admin_cidrs    = ["198.51.100.7/32"]
  acme_email     = "you@example.com"
}

run "ssh_and_the_cluster_are_for_the_operator_alone" {
  command = plan

  assert {
    condition = toset([for rule in hcloud_firewall.this.rule :
      rule.port if rule.source_ips == toset(["198.51.100.7/32"])
    ]) == toset(["22", "6443"])
    error_message = "Nobody else reaches them."
  }
}

run "the_machine_is_behind_the_firewall_and_is_told_of_k3s" {
  command = apply

  assert {
    condition     = hcloud_server.this.firewall_ids == toset([7]) && hcloud_server.this.ssh_keys == tolist([hcloud_ssh_key.this.id])
    error_message = "Nobody reaches it but through the firewall, by the key."
  }
  assert {
    condition     = startswith(hcloud_server.this.user_data, "#cloud-config\n")
    error_message = "cloud-init makes a cluster of it."
  }
  assert {
    condition     = hcloud_server.this.delete_protection == hcloud_server.this.rebuild_protection
    error_message = "Hetzner takes both protections or none."
  }
  assert {
    condition     = output.ipv4_address == "198.51.100.20" && output.ipv6_address == "2001:db8::1"
    error_message = "A name can be pointed at it."
  }
  assert {
    condition     = strcontains(output.kubeconfig, "sed 's/127.0.0.1/198.51.100.20/'")
    error_message = "The credentials lead to the machine, and not to one's own."
  }
}

run "the_web_is_for_everybody" {
  command = plan

  assert {
    condition = toset([for rule in hcloud_firewall.this.rule :
      rule.port if rule.protocol == "tcp" && rule.source_ips == toset(["0.0.0.0/0", "::/0"])
    ]) == toset(["80", "443"])
    error_message = "The ingress, and nothing else."
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
