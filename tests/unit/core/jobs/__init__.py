"""Proofs of the rules about one job."""
