"""Traces: which one a job belongs to, and the seam to who exports spans. None ever holds what a user sent."""
