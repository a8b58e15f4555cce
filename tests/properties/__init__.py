"""Proofs by generated input."""
