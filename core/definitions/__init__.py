"""Definitions: reusable, versioned templates of jobs, those of tenants and those that come with functions."""
