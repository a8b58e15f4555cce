"""Tenants through the API."""
