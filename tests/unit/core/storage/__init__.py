"""Proofs of what is said about where files are kept."""
