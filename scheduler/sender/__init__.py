"""Sending one HTTP request and saying what came of it.

Takes a prepared request and returns a response or a classified failure. Knows nothing of jobs, retries,
signatures or the database; those who prepare the request and judge the answer do.
"""
