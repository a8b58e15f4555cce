"""The audit through the API."""
