"""Proofs of what is pure in the runtimes."""
