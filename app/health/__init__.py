"""Whether the API lives, is ready, and how it is doing."""
