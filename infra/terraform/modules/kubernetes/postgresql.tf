# One pod on one volume. It has no standby and no backup of its own: where a day's jobs matter, use a managed one.

locals {
  postgresql_labels = {
    "app.kubernetes.io/name"      = "postgresql"
    "app.kubernetes.io/instance"  = var.name
    "app.kubernetes.io/component" = "database"
  }
}

resource "kubernetes_service_v1" "postgresql" {
  count = var.postgresql == null ? 0 : 1

  metadata {
    name      = local.postgresql_host
    namespace = kubernetes_namespace_v1.this.metadata[0].name
    labels    = local.postgresql_labels
  }
  spec {
    cluster_ip = "None"
    selector   = local.postgresql_labels
    port {
      name        = "postgresql"
      port        = 5432
      target_port = "postgresql"
    }
  }
}

resource "kubernetes_stateful_set_v1" "postgresql" {
  count = var.postgresql == null ? 0 : 1

  metadata {
    name      = local.postgresql_host
    namespace = kubernetes_namespace_v1.this.metadata[0].name
    labels    = local.postgresql_labels
  }

  spec {
    replicas     = 1
    service_name = kubernetes_service_v1.postgresql[0].metadata[0].name

    selector {
      match_labels = local.postgresql_labels
    }

    template {
      metadata {
        labels = local.postgresql_labels
      }

      spec {
        automount_service_account_token  = false
        enable_service_links             = false
        termination_grace_period_seconds = 60

        security_context {
          run_as_non_root        = true
          run_as_user            = var.postgresql.user_id
          run_as_group           = var.postgresql.user_id
          fs_group               = var.postgresql.user_id
          fs_group_change_policy = "OnRootMismatch"
          seccomp_profile {
            type = "RuntimeDefault"
          }
        }

        container {
          name  = "postgresql"
          image = var.postgresql.image
          args  = ["postgres", "-c", "max_connections=200", "-c", "shared_buffers=256MB"]

          port {
            name           = "postgresql"
            container_port = 5432
          }

          env {
            name  = "POSTGRES_USER"
            value = "noonmark"
          }
          env {
            name  = "POSTGRES_DB"
            value = "noonmark"
          }
          env {
            name  = "PGDATA"
            value = "/var/lib/postgresql/data/pgdata"
          }
          env {
            name = "POSTGRES_PASSWORD"
            value_from {
              secret_key_ref {
                name = kubernetes_secret_v1.database.metadata[0].name
                key  = "postgres-password"
              }
            }
          }

          # Over TCP: while the database is being made, it answers on its socket alone.
          readiness_probe {
            exec {
              command = ["pg_isready", "--quiet", "--host=127.0.0.1", "--username=noonmark", "--dbname=noonmark"]
            }
            period_seconds = 5
          }
          liveness_probe {
            tcp_socket {
              port = "postgresql"
            }
            initial_delay_seconds = 30
            period_seconds        = 10
            failure_threshold     = 6
          }

          # Its fast shutdown, so that no client holds it up.
          lifecycle {
            pre_stop {
              exec {
                command = ["pg_ctl", "stop", "--mode=fast", "--wait"]
              }
            }
          }

          resources {
            requests = { cpu = "250m", memory = var.postgresql.memory }
            limits   = { memory = var.postgresql.memory }
          }

          # The provider writes what is not said as false, and the namespace's standard forbids that.
          security_context {
            run_as_non_root            = true
            allow_privilege_escalation = false
            read_only_root_filesystem  = true
            capabilities {
              drop = ["ALL"]
            }
          }

          volume_mount {
            name       = "data"
            mount_path = "/var/lib/postgresql/data"
          }
          volume_mount {
            name       = "run"
            mount_path = "/var/run/postgresql"
          }
          volume_mount {
            name       = "tmp"
            mount_path = "/tmp"
          }
          volume_mount {
            name       = "shared-memory"
            mount_path = "/dev/shm"
          }
        }

        volume {
          name = "run"
          empty_dir {}
        }
        volume {
          name = "tmp"
          empty_dir {}
        }
        volume {
          name = "shared-memory"
          empty_dir {
            medium     = "Memory"
            size_limit = "256Mi"
          }
        }
      }
    }

    volume_claim_template {
      metadata {
        name = "data"
      }
      spec {
        access_modes       = ["ReadWriteOnce"]
        storage_class_name = var.postgresql.storage_class
        resources {
          requests = { storage = var.postgresql.storage }
        }
      }
    }
  }
}

# Nobody but our own pods.
resource "kubernetes_network_policy_v1" "postgresql" {
  count = var.postgresql == null ? 0 : 1

  metadata {
    name      = local.postgresql_host
    namespace = kubernetes_namespace_v1.this.metadata[0].name
  }

  spec {
    pod_selector {
      match_labels = local.postgresql_labels
    }
    policy_types = ["Ingress", "Egress"]
    ingress {
      from {
        pod_selector {
          match_labels = {
            "app.kubernetes.io/part-of"  = "noonmark"
            "app.kubernetes.io/instance" = var.name
          }
        }
      }
      ports {
        port     = "5432"
        protocol = "TCP"
      }
    }
  }
}
