"""Proofs without I/O, database or clock."""
