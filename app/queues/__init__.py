"""A tenant's queues: making, changing, stopping and deleting them, and the limits of queues and tenants."""
