"""Proofs of the sender without a socket."""
