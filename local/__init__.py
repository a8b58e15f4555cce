"""Development only: an embedded PostgreSQL and a supervisor behind `make up` and `make demo`.

What helps a newcomer or a test to get servers running belongs here; nothing that a production process needs
does.
"""
