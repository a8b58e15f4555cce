"""The Docker runtime against an engine that the tests start: needs root, docker.io, busybox-static."""
