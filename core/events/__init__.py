"""What attempts tell about themselves: its shape, and writing it, fenced. Not what happens to jobs."""
