"""What goes wrong in a function, told by exceptions. Any other exception is a failure that may be retried."""


class PermanentFailure(Exception):
    """Raise it when another attempt can only fail again: the job is not retried."""


class Cancelled(BaseException):
    """The attempt was told to stop. Not an `Exception`, so that `except Exception` lets it pass."""


class Crashed(Exception):
    """Given to `on_fail` when the function's process ended without a word; says how."""


class DuplicateFunction(Exception):
    """Two functions were registered under one `key@version`."""
