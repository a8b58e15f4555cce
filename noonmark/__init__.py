"""Noonmark's client: what you use to talk to a Noonmark server and to receive from it.

Nothing of the servers belongs here, and nothing here imports them.
"""

from noonmark.webhook import Delivery, InvalidSignature, verify

__all__ = ["Delivery", "InvalidSignature", "verify"]
