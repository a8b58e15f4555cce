"""Rules of definitions."""
