# What would be put on a cluster, with providers that make nothing; random is itself, since nothing else makes
# ephemeral values.
mock_provider "kubernetes" {}
mock_provider "helm" {}

variables {
  # A file that is there; with these providers nobody reads it.
  kubeconfig     = "versions.tf"
  public_url     = "https://jobs.example.com"
  images         = { server = "registry.example.com/noonmark/server", scheduler = "registry.example.com/noonmark/scheduler", tag = "0.1.0" }
  database_url   = "postgresql://noonmark:canary-of-the-database@db.example.com/noonmark"
  database_cidrs = ["10.0.5.0/24"]
  mail           = { resend_api_key = "canary-of-the-mail" }
  storage        = { url = "s3://files", secret_key = "canary-of-the-storage" }
  mail_from      = "Noonmark <jobs@example.com>"
  ingress        = { class = "nginx" }
}

run "makes_a_release_that_scales_and_is_reached_by_its_name" {
  command = apply

  assert {
    condition     = output.url == "https://jobs.example.com"
    error_message = "It is where it was asked to be."
  }
  assert {
    condition     = output.scale == "terraform apply -var 'schedulers={least=4,most=20}'"
    error_message = "How to have more is told, in a form that can be typed."
  }
}

run "refuses_a_url_without_tls" {
  command = plan
  variables {
    public_url = "http://jobs.example.com"
  }
  expect_failures = [var.public_url]
}

run "refuses_one_server_or_one_scheduler" {
  command = plan
  variables {
    servers    = { least = 1 }
    schedulers = { least = 1 }
  }
  expect_failures = [var.servers, var.schedulers]
}

run "refuses_to_go_without_mail" {
  command = plan
  variables {
    mail = {}
  }
  expect_failures = [var.mail]
}

run "refuses_what_is_no_range" {
  command = plan
  variables {
    database_cidrs = ["db.example.com"]
  }
  expect_failures = [var.database_cidrs]
}
