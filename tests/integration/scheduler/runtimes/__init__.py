"""Proofs of the runtimes with real processes, pipes and folders."""
