"""Arithmetic of request limits."""
