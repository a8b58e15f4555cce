"""Erasing what a finished job carried. The erasure of a whole tenant begins in `app.tenants`."""
