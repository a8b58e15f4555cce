"""Proofs with PostgreSQL or sockets on loopback."""
