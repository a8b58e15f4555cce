"""API tokens through the API."""
