"""Proofs of how mail reads and how it is handed on."""
