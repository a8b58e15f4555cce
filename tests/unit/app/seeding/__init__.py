"""Rules about the demo data."""
