"""Proofs of the files of jobs over HTTP."""
