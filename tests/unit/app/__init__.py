"""Proofs of the API that need no database."""
