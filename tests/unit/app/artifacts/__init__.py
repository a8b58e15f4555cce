"""Proofs of the rules about files of jobs over HTTP."""
