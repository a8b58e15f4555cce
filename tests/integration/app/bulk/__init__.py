"""Bulk actions through the API."""
