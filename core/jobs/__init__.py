"""A job: what it is, the rules of its life, and the statements that move it between tables."""
