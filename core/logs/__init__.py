"""What attempts print, as it is kept: its shape, and the statements that write and read it."""
