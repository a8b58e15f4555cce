"""Proofs of what functions are registered with, and of the order in which they are called."""
