"""Tests of the replicas table."""
