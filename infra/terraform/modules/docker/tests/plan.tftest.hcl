# What the module would make, with a provider that makes nothing.
mock_provider "docker" {}

variables {
  images     = { server = "noonmark/server:0.1.0", scheduler = "noonmark/scheduler:0.1.0" }
  public_url = "https://jobs.example.com"
}

run "two_schedulers_by_default" {
  command = plan

  assert {
    condition     = length(docker_container.scheduler) == 2
    error_message = "Two schedulers, so that one may go."
  }
  assert {
    condition     = docker_container.scheduler[0].stop_timeout == 90
    error_message = "A scheduler has its drain and thirty seconds to stop in."
  }
}

run "every_container_is_kept_in" {
  command = plan

  assert {
    condition = alltrue([for container in concat(
      [docker_container.secrets, docker_container.postgres, docker_container.migrate, docker_container.server, docker_container.reaper],
      docker_container.scheduler[*],
      ) :
      container.read_only && contains(container.security_opts, "no-new-privileges:true")
      && one(container.capabilities).drop == toset(["ALL"]) && one(container.capabilities).add == null
    ])
    error_message = "Read-only root, no new privileges, no capabilities."
  }
}

run "no_secret_is_in_any_environment" {
  command = plan

  assert {
    condition = alltrue([for line in setunion(
      docker_container.server.env, docker_container.reaper.env, docker_container.scheduler[0].env,
    ) : length(regexall("^(DATABASE_URL|NOONMARK_(JWT_SECRET|MASTER_KEYS|ADMIN_SECRET)|RESEND_API_KEY|SMTP_URL)=", line)) == 0])
    error_message = "Secrets come from the volume."
  }
  assert {
    condition     = contains(docker_container.postgres.env, "POSTGRES_PASSWORD_FILE=/run/noonmark/postgres-password")
    error_message = "PostgreSQL reads its password from the volume."
  }
}

run "the_database_has_no_way_out_and_no_port" {
  command = plan

  assert {
    condition     = docker_network.inside.internal && length(docker_container.postgres.ports) == 0
    error_message = "The database is reached from inside alone."
  }
  assert {
    condition     = length(docker_container.postgres.networks_advanced) == 1
    error_message = "The database is in one network."
  }
}

run "the_api_is_published_on_loopback" {
  command = plan

  assert {
    condition     = one(docker_container.server.ports).ip == "127.0.0.1" && one(docker_container.server.ports).external == 8080
    error_message = "Nobody else reaches it unless asked."
  }
}

run "jobs_may_call_the_targets_network_only_if_it_has_a_range" {
  command = plan

  variables {
    egress_allow   = ["10.1.0.0/16"]
    targets_subnet = "172.30.99.0/24"
  }

  assert {
    condition     = contains(docker_container.scheduler[0].env, "NOONMARK_EGRESS_ALLOW=10.1.0.0/16,172.30.99.0/24")
    error_message = "Both ranges are allowed."
  }
}

run "by_default_jobs_call_public_addresses_alone" {
  command = plan

  assert {
    condition     = contains(docker_container.scheduler[0].env, "NOONMARK_EGRESS_ALLOW=")
    error_message = "Nothing is allowed."
  }
}

run "refuses_an_image_without_a_version" {
  command = plan
  variables {
    images = { server = "noonmark/server", scheduler = "noonmark/scheduler:0.1.0" }
  }
  expect_failures = [var.images]
}

run "takes_an_image_by_digest_from_a_registry_with_a_port" {
  command = plan
  variables {
    images = {
      server    = "registry.example.com:5000/noonmark/server@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      scheduler = "registry.example.com:5000/noonmark/scheduler:0.1.0"
    }
  }
}

run "refuses_an_address_with_a_path" {
  command = plan
  variables {
    public_url = "https://example.com/jobs"
  }
  expect_failures = [var.public_url]
}

run "refuses_secrets_among_the_settings" {
  command = plan
  variables {
    settings = { NOONMARK_JWT_SECRET = "in clear" }
  }
  expect_failures = [var.settings]
}

run "refuses_half_a_scheduler" {
  command = plan
  variables {
    schedulers = 1.5
  }
  expect_failures = [var.schedulers]
}

run "refuses_a_secrets_file_that_is_not_there" {
  command = plan
  variables {
    secrets_file = "nowhere.env"
  }
  expect_failures = [var.secrets_file]
}

run "refuses_what_is_no_range" {
  command = plan
  variables {
    egress_allow = ["10.0.0.0"]
  }
  expect_failures = [var.egress_allow]
}
