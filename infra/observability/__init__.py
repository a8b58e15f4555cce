"""Eyes on an installation: what Prometheus, Alertmanager, Grafana and a collector of traces are given."""
