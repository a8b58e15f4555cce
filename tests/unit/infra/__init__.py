"""Tests of what lies in infra/."""
