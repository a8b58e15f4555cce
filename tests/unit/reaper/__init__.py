"""Unit tests of the reaper."""
