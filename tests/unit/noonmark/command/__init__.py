"""Proofs of jobctl."""
