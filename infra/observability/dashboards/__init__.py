"""Grafana's dashboards, written in Python and rendered to JSON: `make dashboards`."""
