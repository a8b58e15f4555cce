"""Dead letters through the API."""
