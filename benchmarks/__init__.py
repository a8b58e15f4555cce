"""Where every figure of speed comes from: real processes, a real PostgreSQL, and a receiver that keeps books.

What starts, loads and measures them belongs here, with the page that tells the result. Nothing that a product
process needs does, and no figure that cannot be measured again by one command.
"""
