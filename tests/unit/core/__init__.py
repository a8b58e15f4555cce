"""Proofs of what the processes share."""
