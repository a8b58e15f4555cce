"""Proofs of which names a file of a job may have."""
