"""Proofs for `benchmarks`, with PostgreSQL and processes of its own."""
