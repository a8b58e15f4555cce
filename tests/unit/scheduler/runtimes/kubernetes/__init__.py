"""The pure half of the Kubernetes runtime."""
