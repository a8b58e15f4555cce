"""Every error we raise on purpose.

    NoonmarkError
    ├── SettingError        a setting is missing or wrong; ends the process with its name
    ├── SchemaError         the database has another schema than this code expects
    ├── NotFound            no such thing for this tenant
    ├── Conflict            the thing is there, but its state forbids the change (``code`` says how)
    │   └── NotUnique       a twin stands in the way of a new job (``faults`` name it)
    ├── Invalid             one or more faults in what was sent (``faults``)
    ├── Unauthenticated     no valid credential
    ├── RateLimited         too many requests (``retry_after`` seconds)
    └── Unavailable         the database does not answer
        └── StorageAway     the storage of files does not answer, or refuses us (``refused``)
            └── StorageFull it has no room

Expected outcomes of a delivery are values, not errors. Nothing here knows HTTP; the API maps these to
problem documents in one table.
"""

from uuid import UUID

import msgspec


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing wrong with a request: where, which kind, and what would be right."""

    code: str
    message: str
    pointer: str | None = None
    """JSON pointer into the body."""
    parameter: str | None = None
    """Name of a query, path or header parameter."""
    twin: UUID | None = None
    """The job that stands in the way of a unique one."""


class NoonmarkError(Exception):
    """Something went wrong."""

    code = "internal_error"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__ or "")

    @property
    def message(self) -> str:
        """The sentence the user sees."""
        return str(self)


class SettingError(NoonmarkError):
    """A setting is missing or wrong."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name


class SchemaError(NoonmarkError):
    """The database's schema is not the one this version expects; migrate with `python -m app migrate`."""


class NotFound(NoonmarkError):
    """There is no such thing here."""

    code = "not_found"


class Conflict(NoonmarkError):
    """The state of the thing forbids this."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NotUnique(Conflict):
    """Unique jobs have twins."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("not_unique", "; ".join(fault.message for fault in faults))
        self.faults = faults


class Invalid(NoonmarkError):
    """The request has faults."""

    def __init__(self, faults: list[Fault], *, code: str = "validation_failed") -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.code = code
        self.faults = faults


class Unauthenticated(NoonmarkError):
    """A valid credential is needed."""

    code = "unauthenticated"


class RateLimited(NoonmarkError):
    """Too many requests."""

    code = "rate_limited"

    def __init__(self, retry_after: float) -> None:
        super().__init__("Too many requests; try again later.")
        self.retry_after = retry_after


class Unavailable(NoonmarkError):
    """The service cannot do this right now; try again."""

    code = "unavailable"


class StorageAway(Unavailable):
    """The storage of files does not answer; try again later."""

    def __init__(self, message: str | None = None, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused
        """Whether it was reached, and takes nothing from us."""


class StorageFull(StorageAway):
    """The storage of files has no room left."""
