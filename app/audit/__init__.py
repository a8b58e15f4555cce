"""The audit: who changed what, written where it is changed and read by the tenant's admins."""
