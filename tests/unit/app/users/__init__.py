"""Proofs of the rules of sign-in."""
