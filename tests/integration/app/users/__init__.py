"""Proofs of sign-in on a real database."""
