"""Videos: what is read of an upload before anything is kept."""
