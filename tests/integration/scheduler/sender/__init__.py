"""Proofs of the sender against real servers on loopback, well-behaved and not."""
