"""The client of Limbeck and its command line. Imports nothing of the server."""

from limbeck.client import Client
from limbeck.errors import (
    Conflict,
    Corrupted,
    LimbeckError,
    NotAuthorized,
    NotFound,
    OverQuota,
    Refused,
    Rejected,
    Unreachable,
    WaitTimedOut,
)

__all__ = [
    "Client",
    "Conflict",
    "Corrupted",
    "LimbeckError",
    "NotAuthorized",
    "NotFound",
    "OverQuota",
    "Refused",
    "Rejected",
    "Unreachable",
    "WaitTimedOut",
]
