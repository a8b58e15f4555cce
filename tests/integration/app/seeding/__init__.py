"""Demo data, by the command."""
