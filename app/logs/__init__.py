"""What attempts print over HTTP: pages of it, and streams that follow it."""
