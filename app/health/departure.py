"""That this process was told to stop, kept where the server sets it and `/readyz` reads it.

A proxy learns from `/readyz` whom to send requests. So a server that leaves first says that it is no longer
ready, and goes on serving for a while; when it stops accepting, nobody sends anything any more.
"""


class Departure:
    """Not announced, then announced for good."""

    def __init__(self) -> None:
        self.announced = False

    def announce(self) -> None:
        """From now on this process is not ready."""
        self.announced = True
