"""Noonmark's client: what you use to talk to a Noonmark server and to receive from it.

    with noonmark.Client() as client:
        job = client.jobs.create("https://example.com/hook", body={"any": "json"}, delay=90)

Nothing of the servers belongs here, and nothing here imports them.
"""

from noonmark.artifacts import Artifact, Link
from noonmark.client import AsyncClient, Client
from noonmark.definitions import Definition
from noonmark.errors import (
    BadRequest,
    Conflict,
    ConnectionFailed,
    Fault,
    Forbidden,
    NoonmarkError,
    NotFound,
    NotSignedIn,
    Problem,
    RateLimited,
    TimedOut,
    Unauthenticated,
    Unavailable,
    UnexpectedAnswer,
    ValidationFailed,
)
from noonmark.model import (
    Answer,
    Attempt,
    Cancelled,
    DeadLetter,
    Event,
    FreshToken,
    Job,
    JobError,
    LogLine,
    Me,
    Outcome,
    Purged,
    Queue,
    Rate,
    Replayed,
    Retry,
    SigningSecret,
    State,
    Success,
    Target,
    Token,
    Unique,
)
from noonmark.options import Filter, LetterFilter, NewJob
from noonmark.retrying import Retrying
from noonmark.version import VERSION as __version__
from noonmark.videos import InputFile, Video
from noonmark.webhook import Delivery, InvalidSignature, verify

__all__ = [
    "Answer",
    "Artifact",
    "AsyncClient",
    "Attempt",
    "BadRequest",
    "Cancelled",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "DeadLetter",
    "Definition",
    "Delivery",
    "Event",
    "Fault",
    "Filter",
    "Forbidden",
    "FreshToken",
    "InputFile",
    "InvalidSignature",
    "Job",
    "JobError",
    "LetterFilter",
    "Link",
    "LogLine",
    "Me",
    "NewJob",
    "NoonmarkError",
    "NotFound",
    "NotSignedIn",
    "Outcome",
    "Problem",
    "Purged",
    "Queue",
    "Rate",
    "RateLimited",
    "Replayed",
    "Retry",
    "Retrying",
    "SigningSecret",
    "State",
    "Success",
    "Target",
    "TimedOut",
    "Token",
    "Unauthenticated",
    "Unavailable",
    "UnexpectedAnswer",
    "Unique",
    "ValidationFailed",
    "Video",
    "__version__",
    "verify",
]
