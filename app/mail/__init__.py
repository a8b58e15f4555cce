"""Mail on its way: written in the same transaction as what it is about, sent by a loop, in `app` only.

How a letter reads is `letters`; who carries it is `by_resend`, `by_smtp` or nobody (development).
"""
