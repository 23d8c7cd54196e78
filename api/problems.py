"""Everything that can go wrong, as `application/problem+json` (RFC 9457): one table, one shape."""

import errno
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from sqlalchemy import exc as database
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from api.addresses import allowed_methods
from distill.config.document import in_plain_words
from ledger import errors

Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong with a request, and where: a JSON pointer into the body, or a parameter."""

    detail: str
    code: str
    pointer: str | None = None
    parameter: str | None = None


@dataclass(eq=False)
class Problem(Exception):
    """An answer that says what is true and what to do. Raised at the door; below it are domain errors."""

    status: int
    code: str
    detail: str
    errors: tuple[Mistake, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, Any] = field(default_factory=dict)
    """More members of the body, such as `allowed_actions`."""

    def body(self, request_id: str) -> dict[str, Any]:
        return {
            "type": f"urn:limbeck:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
            "errors": [_member(mistake) for mistake in self.errors],
            **self.members,
        }


class MistakeRead(BaseModel):
    """`pointer` is a JSON pointer into the body; `parameter` a name in the address or a header."""

    detail: str
    code: str
    pointer: str | None = None
    parameter: str | None = None


class ProblemRead(BaseModel):
    """RFC 9457. Some problems have more members, such as `allowed_actions`."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[MistakeRead]


def _member(mistake: Mistake) -> dict[str, str]:
    return {name: value for name, value in vars(mistake).items() if value is not None}


# One instance of each is enough: a problem carries no traceback of its own into the answer.
UNEXPECTED = Problem(
    500, "internal", "Something of ours broke. The log of the API has the details under this request_id."
)
_DATABASE_AWAY = Problem(
    503,
    "database_unavailable",
    "The database is busy or away. Nothing was changed; try again.",
    headers={"Retry-After": "2"},
)
_OVERTAKEN = Problem(
    409,
    "overtaken",
    "Another request changed the same thing in between. Nothing was changed; try again.",
    headers={"Retry-After": "1"},
)
_NOT_STORABLE = Problem(
    422, "value_not_storable", "A value of the request is outside what the database can store."
)
_DISK_FULL = Problem(
    507, "store_full", "The disk of the service is full; delete files or jobs that you no longer need."
)

STATUSES: dict[type[errors.LedgerError], int] = {
    errors.LedgerError: 500,
    errors.NotFound: 404,
    errors.NotAllowedNow: 409,
    errors.SpecInvalid: 422,
    errors.InUse: 409,
    errors.PreconditionFailed: 412,
    errors.InputsNotReady: 409,
    errors.InputRejected: 409,
    errors.GatesNotPassed: 409,
    errors.NotExportable: 409,
    errors.KeyInvalid: 401,
    errors.ScopeMissing: 403,
    errors.HoldLost: 409,
    errors.BlobDoomed: 503,
    errors.BlobCorrupt: 500,
    errors.SigningKeyUnusable: 500,
    errors.StoreUnavailable: 503,
    errors.StoreFull: 507,
    errors.DatabaseBusy: 503,
    errors.DatabaseFull: 507,
    errors.IdempotencyMismatch: 422,
    errors.IdempotencyInFlight: 409,
}
"""Domain error -> HTTP status; the code of the problem is the error's own."""


def describe(error: Exception) -> Problem:
    """The problem that answers `error`; `UNEXPECTED` where nobody foresaw it."""
    match error:
        case Problem():
            return error
        case errors.LedgerError():
            return _of_domain(error)
        case RequestValidationError():
            return _of_parameters(error)
        case HTTPException():
            return _of_routing(error)
        case database.DBAPIError() | database.TimeoutError():
            return _of_database(error)
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return _DISK_FULL
    return UNEXPECTED


def _of_domain(error: errors.LedgerError) -> Problem:
    status = STATUSES[type(error)]
    members: dict[str, Any] = {}
    headers: dict[str, str] = {}
    match error:
        case errors.SpecInvalid():
            mistakes = [Mistake(each.detail, each.code, pointer=each.pointer) for each in error.problems]
            return of_mistakes(tuple(mistakes), "spec_invalid")
        case errors.NotAllowedNow():
            members = {"allowed_actions": list(error.allowed_actions), "job_status": error.status}
            # A client library that retries every 409 need not retry this one.
            headers = {"X-Should-Retry": "false"}
        case errors.InUse():
            members = {"users": list(error.users)}
        case errors.InputsNotReady():
            members, headers = {"waiting_for": list(error.waiting_for)}, {"Retry-After": "2"}
        case errors.GatesNotPassed():
            members = {
                "conclusion": error.conclusion,
                "gates": list(error.gates),
                "exports": list(error.exports),
            }
            headers = {"X-Should-Retry": "false"}
        case errors.IdempotencyInFlight():
            headers = {"Retry-After": str(error.retry_after)}
        case errors.KeyInvalid():
            headers = {"WWW-Authenticate": 'Bearer realm="limbeck"'}
        case errors.ScopeMissing():
            members = {"scope": error.scope}
        case _ if status == 503:
            headers = {"Retry-After": "2"}
    return Problem(status, error.code, _sentence(str(error)), headers=headers, members=members)


def of_mistakes(mistakes: tuple[Mistake, ...], code: str) -> Problem:
    """One problem for all mistakes. A single one lends it its code; the first lends it its sentence."""
    first, *others = mistakes
    place = first.pointer or first.parameter
    more = f" ({len(others)} more in `errors`)" if others else ""
    detail = f"{place}: {first.detail}{more}" if place else _sentence(first.detail + more)
    return Problem(422, code if others else first.code, detail, errors=mistakes)


def _of_parameters(error: RequestValidationError) -> Problem:
    mistakes = tuple(
        Mistake(in_plain_words(entry), entry["type"], parameter=str(entry["loc"][-1]))
        for entry in error.errors()
    )
    return of_mistakes(mistakes, "parameters_invalid")


def _of_routing(error: HTTPException) -> Problem:
    headers = dict(error.headers or {})
    if error.status_code == 404:
        return Problem(404, "route_not_found", "There is nothing at this address; /docs lists what there is.")
    return Problem(error.status_code, "http_error", _sentence(str(error.detail)), headers=headers)


def _of_database(error: database.SQLAlchemyError) -> Problem:
    match error:
        case database.DataError():
            return _NOT_STORABLE
        case database.IntegrityError():
            return _OVERTAKEN
        case database.OperationalError() if "disk is full" in str(error.orig):
            return _DISK_FULL
        case database.OperationalError() | database.InterfaceError() | database.TimeoutError():
            return _DATABASE_AWAY
    return UNEXPECTED


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?", ")")) else ".")


def respond(problem: Problem, request_id: str) -> Response:
    return JSONResponse(
        problem.body(request_id), problem.status, headers=dict(problem.headers), media_type=MEDIA_TYPE
    )


async def answer(request: Request, error: Exception) -> Response:
    """For the two kinds of error that the framework would otherwise answer in its own shape."""
    problem = describe(error)
    if problem.status == 405:
        allowed = ", ".join(allowed_methods(request.app.openapi(), request.url.path))
        allowed = allowed or problem.headers["Allow"]  # of /docs, which the document does not hold
        problem = Problem(
            405, "method_not_allowed", f"This address takes {allowed}.", headers={"Allow": allowed}
        )
    return respond(problem, request.state.request_id)


HANDLERS: dict[int | type[Exception], Handler] = {HTTPException: answer, RequestValidationError: answer}
