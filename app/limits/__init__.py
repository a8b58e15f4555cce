"""Letting requests in: whom a credential stands for, and whether its tenant has requests left.

Limits on jobs and queues are not here, nor those of sign-in.
"""
