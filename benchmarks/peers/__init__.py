"""Other schedulers, each in its best documented set-up, doing the same jobs against the same receiver.

Two are Node programs, one is Python in an environment of its own; none is imported here. Each counts its own
jobs and says its marks as ours do. A job's `webhook-id` is the microsecond at which it is due.
"""
