"""Proofs of the scheduler's rules."""
