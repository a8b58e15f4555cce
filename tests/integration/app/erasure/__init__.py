"""Erasure through the API."""
