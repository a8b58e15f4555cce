"""Proofs of the functions that come with Noonmark."""
