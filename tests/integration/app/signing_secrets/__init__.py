"""Signing secrets through the API."""
