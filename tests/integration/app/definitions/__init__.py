"""Definitions through the API."""
