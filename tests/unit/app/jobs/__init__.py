"""Rules about jobs that need nothing but their arguments."""
