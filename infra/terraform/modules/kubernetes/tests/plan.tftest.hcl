# What the module would make, with providers that make nothing; random is itself, since nothing else makes ephemeral values.
mock_provider "kubernetes" {}
mock_provider "helm" {}

variables {
  public_url   = "https://jobs.example.com"
  database_url = "postgresql://noonmark:canary-of-the-database@db.example.com/noonmark"
  mail         = { resend_api_key = "canary-of-the-mail" }
  storage      = { url = "s3://files", secret_key = "canary-of-the-storage" }
}

run "secrets_reach_the_cluster_and_nothing_else" {
  command = apply

  assert {
    condition = alltrue([for secret in [
      kubernetes_secret_v1.database, kubernetes_secret_v1.keys, kubernetes_secret_v1.mail, kubernetes_secret_v1.storage,
    ] : secret.data_wo == null && secret.data_wo_revision == 1])
    error_message = "The state has no value of the Secrets."
  }
  assert {
    condition     = alltrue([for values in output.values : !strcontains(values, "canary")])
    error_message = "The release has no secret."
  }
}

run "the_release_is_the_chart_beside_it_and_is_rolled_back_when_it_fails" {
  command = apply

  assert {
    condition     = fileexists("${helm_release.this.chart}/Chart.yaml")
    error_message = "The chart is found from wherever the module is used."
  }
  assert {
    condition     = helm_release.this.atomic && helm_release.this.cleanup_on_fail && helm_release.this.timeout == 900
    error_message = "An upgrade that fails leaves what was there."
  }
  assert {
    condition     = helm_release.this.values == tolist(output.values) && helm_release.this.namespace == "noonmark"
    error_message = "It is told what the output says, in the namespace that was made."
  }
}

run "the_release_names_the_secrets" {
  command = apply

  assert {
    condition     = yamldecode(output.values[0]).secrets.databaseUrl.name == "noonmark-database"
    error_message = "The database's address is in its own Secret."
  }
  assert {
    condition     = yamldecode(output.values[0]).secrets.existingSecret == "noonmark-keys"
    error_message = "The keys are in theirs."
  }
}

run "the_namespace_is_held_to_the_restricted_standard" {
  command = apply

  assert {
    condition     = kubernetes_namespace_v1.this.metadata[0].labels["pod-security.kubernetes.io/enforce"] == "restricted"
    error_message = "Pods are kept in."
  }
}

run "no_postgresql_of_its_own_where_there_is_one" {
  command = apply

  assert {
    condition     = length(kubernetes_stateful_set_v1.postgresql) == 0
    error_message = "A database was given."
  }
}

run "a_postgresql_of_its_own_is_reached_by_its_pods_alone" {
  command = plan

  variables {
    database_url = null
    postgresql   = {}
  }

  assert {
    condition     = kubernetes_stateful_set_v1.postgresql[0].spec[0].template[0].spec[0].security_context[0].run_as_non_root
    error_message = "It fits into a restricted namespace."
  }
  assert {
    condition = (
      yamldecode(output.values[0]).networkPolicy.postgresql.to[0].podSelector.matchLabels
      == { for name, value in kubernetes_stateful_set_v1.postgresql[0].spec[0].template[0].metadata[0].labels : name => value }
    )
    error_message = "The chart's policies lead to its pod and nowhere else."
  }
}

run "refuses_to_go_without_a_database" {
  command = plan

  variables {
    database_url = null
  }

  expect_failures = [kubernetes_secret_v1.database]
}

run "refuses_another_database" {
  command = plan
  variables {
    database_url = "mysql://db.example.com"
  }
  expect_failures = [var.database_url]
}

run "refuses_latest" {
  command = plan
  variables {
    images = { tag = "latest" }
  }
  expect_failures = [var.images]
}
