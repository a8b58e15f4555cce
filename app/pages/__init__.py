"""The few pages a browser gets: what this is, and where a magic link leads. Static; data comes by the API."""
