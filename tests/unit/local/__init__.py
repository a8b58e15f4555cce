"""Proofs for `local` without I/O."""
