"""Sign-in: magic links, sessions, refresh tokens, and the guard before every private route.

Rules that need no database are `tokens` and `keys`. What a tenant owns is not here.
"""
