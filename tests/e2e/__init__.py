"""Real processes, a real PostgreSQL, a real receiver, and what can go wrong between them."""
