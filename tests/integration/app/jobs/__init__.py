"""Jobs through the API, on a real database."""
