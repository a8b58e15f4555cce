"""Dead letters over HTTP: looking through what failed for good, and replaying it."""
