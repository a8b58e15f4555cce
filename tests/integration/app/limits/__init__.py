"""Request limits through the API."""
