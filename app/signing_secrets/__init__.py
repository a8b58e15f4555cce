"""Signing secrets over HTTP: what a receiver needs to verify our calls."""
