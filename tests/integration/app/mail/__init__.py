"""Proofs of the mail loop."""
