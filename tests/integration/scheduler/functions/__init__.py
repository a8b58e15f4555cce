"""Proofs of the function runtime, on real processes."""
