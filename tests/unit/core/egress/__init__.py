"""Proofs of where calls may go and what they may carry."""
