# The two applies, with providers that make nothing; random is itself, since nothing else makes ephemeral values.
mock_provider "hcloud" {
  mock_resource "hcloud_firewall" {
    defaults = { id = "7" }
  }
  mock_resource "hcloud_server" {
    defaults = { ipv4_address = "198.51.100.20" }
  }
}
mock_provider "kubernetes" {}
mock_provider "helm" {}

variables {
  hcloud_token   = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  ssh_public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZvbyBiYXIgYmF6IHF1eCBmb28gYmFyIGJheiBxdXg you@example.com"
  admin_cidrs    = ["198.51.100.7/32"]
  public_url     = "https://staging.example.com"
  acme_email     = "you@example.com"
  mail           = { smtp_url = "smtps://noonmark:canary-of-the-mail@mail.example.com:465" }
}

run "the_first_apply_makes_the_machine_and_says_what_comes_next" {
  command = apply

  assert {
    condition     = output.address == "198.51.100.20" && output.noonmark == null
    error_message = "There is a machine, and nothing on it."
  }
  assert {
    condition     = strcontains(output.next, "terraform apply -var kubeconfig=kubeconfig")
    error_message = "The second apply is told."
  }
  assert {
    condition     = strcontains(output.kubeconfig, "ssh root@198.51.100.20")
    error_message = "The credentials are fetched from that machine."
  }
}

run "the_second_apply_puts_noonmark_on_it" {
  command = apply

  variables {
    # A file that is there; with these providers nobody reads it.
    kubeconfig = "versions.tf"
  }

  assert {
    condition     = output.noonmark.url == "https://staging.example.com"
    error_message = "It is where it was asked to be."
  }
  assert {
    condition     = yamldecode(output.noonmark.values[1]).ingress.className == "traefik"
    error_message = "k3s brings Traefik."
  }
  assert {
    condition     = output.next == "Noonmark is up: https://staging.example.com"
    error_message = "Nothing is left to do."
  }
}

run "refuses_what_is_no_token" {
  command = plan
  variables {
    hcloud_token = "short"
  }
  expect_failures = [var.hcloud_token]
}

run "refuses_a_kubeconfig_that_is_not_there" {
  command = plan
  variables {
    kubeconfig = "nowhere"
  }
  expect_failures = [var.kubeconfig]
}
