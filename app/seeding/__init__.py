"""Demo data for a developer's machine. What a running `make up` tells is in `local.demo`."""
