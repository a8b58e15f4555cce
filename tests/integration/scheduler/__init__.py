"""Proofs of the scheduler against PostgreSQL and sockets."""
