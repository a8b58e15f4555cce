"""Each example is started as a user would start it."""
