"""The client against the API as it is."""
