"""The target of every job: answers as fast as Python can, and writes down what arrived when.

Its own process, so that its work is nobody else's; the other side of its control paths stands beside it.
"""
