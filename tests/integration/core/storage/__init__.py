"""Proofs that files are kept whole or not at all, in a folder and in a bucket."""
