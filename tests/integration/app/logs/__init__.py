"""What jobs printed, through the API, on a real database."""
