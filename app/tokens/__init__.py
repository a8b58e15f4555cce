"""API tokens: what they look like, and their routes. `app.limits` resolves them, with all credentials."""
