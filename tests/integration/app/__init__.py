"""Proofs of the API on a real database."""
