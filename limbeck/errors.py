"""What can go wrong between a client and its service.

LimbeckError
├── Unreachable        no answer, or only 5xx, for as long as the client was willing to try
├── Refused            the service answered with a problem
│   ├── Rejected       422 and other bad requests: the body names what is wrong
│   ├── NotAuthorized  401, 403
│   ├── NotFound       404
│   ├── Conflict       409, 412
│   └── OverQuota      429
├── Corrupted          bytes that are not the ones that were sent
└── WaitTimedOut       the job still runs
"""

from dataclasses import dataclass
from typing import Any


class LimbeckError(Exception):
    """The root of the tree; `str()` is a sentence for a person."""


class Unreachable(LimbeckError):
    """The service did not answer in time."""


class Corrupted(LimbeckError):
    """The sha256 of what arrived is not the sha256 that was promised."""


class WaitTimedOut(LimbeckError):
    """The time to wait is over and the job still runs."""


@dataclass(frozen=True)
class Problem:
    """The body of an error answer (RFC 9457)."""

    status: int
    title: str
    detail: str
    code: str
    request_id: str | None
    errors: tuple[tuple[str, str], ...]
    """(JSON pointer into the request body, what is wrong there)."""
    extra: dict[str, Any]
    """Whatever else the answer says, such as `allowed_actions`."""

    @classmethod
    def of(cls, status: int, body: Any, request_id: str | None) -> "Problem":
        """The problem in an error answer's body, which may be anything where a proxy wrote it."""
        fields = dict(body) if isinstance(body, dict) else {}
        fields.pop("status", None)
        fields.pop("type", None)
        title = str(fields.pop("title", "") or f"HTTP {status}")
        return cls(
            status=status,
            title=title,
            detail=str(fields.pop("detail", "") or title),
            code=str(fields.pop("code", "")),
            request_id=fields.pop("request_id", None) or request_id,
            errors=tuple(
                (str(error.get("pointer", "")), str(error.get("detail", "")))
                for error in fields.pop("errors", None) or ()
                if isinstance(error, dict)
            ),
            extra=fields,
        )


class Refused(LimbeckError):
    """The service understood and said no; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


class Rejected(Refused):
    """The request is wrong; `problem.errors` names each place."""


class NotAuthorized(Refused):
    """The key is missing, wrong, or lacks a scope."""


class NotFound(Refused):
    """There is no such object in the project of the key."""


class Conflict(Refused):
    """Not possible in the present state."""


class OverQuota(Refused):
    """Too much was asked, and asking again later did not help."""


_BY_STATUS: dict[int, type[Refused]] = {
    401: NotAuthorized,
    403: NotAuthorized,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    429: OverQuota,
}


def refusal(problem: Problem) -> Refused:
    """The error that stands for this problem."""
    return _BY_STATUS.get(problem.status, Rejected)(problem)
