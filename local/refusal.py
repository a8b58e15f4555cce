"""The one exception of this package: why we stop, in a line that whoever typed `make up` can act on.

It is raised for what a person can put right (a busy port, another `make up`, data of another version).
Anything else is a bug and keeps its traceback.
"""


class Refusal(Exception):
    """Cannot go on; the text says why and what to do, without a traceback."""
