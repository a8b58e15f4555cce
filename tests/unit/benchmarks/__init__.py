"""Proofs for `benchmarks` without I/O."""
