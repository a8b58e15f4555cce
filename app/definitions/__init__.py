"""A tenant's definitions of jobs: making, changing, deleting, running; those of functions to be read."""
