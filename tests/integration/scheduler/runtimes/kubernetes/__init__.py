"""The Kubernetes runtime beside a cluster of paper: what an API server answers, and pods that tests move."""
