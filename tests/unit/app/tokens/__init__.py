"""The spelling of API tokens."""
