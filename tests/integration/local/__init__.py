"""Proofs for `local`, with PostgreSQL and processes of their own."""
