run "is_what_cloud_init_reads" {
  command = plan

  variables {
    k3s_version = "v1.33.4+k3s1"
    acme_email  = "you@example.com"
  }

  assert {
    condition     = startswith(output.content, "#cloud-config\n")
    error_message = "cloud-init knows its files by the first line."
  }
  assert {
    condition     = length(output.content) < 32768
    error_message = "Hetzner takes 32 KiB."
  }
  assert {
    condition     = contains(yamldecode(output.content).runcmd, "INSTALL_K3S_VERSION='v1.33.4+k3s1' sh /run/install-k3s.sh server")
    error_message = "The version of k3s is pinned."
  }
  assert {
    condition = yamldecode(yamldecode(yamldecode(output.content).write_files[2].content).spec.valuesContent).additionalArguments[0] == (
      "--certificatesresolvers.letsencrypt.acme.email=you@example.com"
    )
    error_message = "The ingress asks for certificates by that address."
  }
}

run "asks_for_no_certificates_without_an_address" {
  command = plan

  variables {
    k3s_version = "v1.33.4+k3s1"
    acme_email  = null
  }

  assert {
    condition     = length(yamldecode(output.content).write_files) == 2
    error_message = "Without an address there is nothing about certificates."
  }
}

run "refuses_what_is_no_version" {
  command = plan

  variables {
    k3s_version = "latest; reboot"
    acme_email  = null
  }

  expect_failures = [var.k3s_version]
}

run "refuses_what_is_no_address" {
  command = plan

  variables {
    k3s_version = "v1.33.4+k3s1"
    acme_email  = "nobody"
  }

  expect_failures = [var.acme_email]
}
