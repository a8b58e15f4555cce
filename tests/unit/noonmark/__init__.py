"""Proofs of the client."""
