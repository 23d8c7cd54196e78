"""JSON request bodies: read under a limit, parsed strictly, checked with a place for every mistake."""

import json
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from api.problems import Problem
from distill.config.document import problems_of
from ledger.errors import SpecInvalid

Model = TypeVar("Model", bound=BaseModel)

_DEEPEST = 64


@dataclass(frozen=True)
class JsonBody:
    """A body as it came, parsed."""

    document: dict[str, Any]
    sha256: str


async def json_body(request: Request) -> JsonBody:
    """The body of the request.

    Raises:
        Problem: 413, 415 or 422.
    """
    _refuse_other_media_types(request)
    raw = await _read(request, at_most=request.app.state.house.settings.max_body_bytes)
    if not raw:
        raise Problem(422, "body_empty", "The body is empty; send a JSON object.")
    return JsonBody(parse(raw), sha256(raw).hexdigest())


JsonBodyDep = Annotated[JsonBody, Depends(json_body)]


def checked(model: type[Model]) -> Callable[[JsonBody], Awaitable[Model]]:
    """A dependency: the body as a `model`."""

    async def check(body: JsonBodyDep) -> Model:
        try:
            return model.model_validate(body.document)
        except ValidationError as error:
            raise SpecInvalid(problems_of(error, model, body.document)) from None

    return check


def takes(model: type[BaseModel]) -> dict[str, Any]:
    """The `openapi_extra` of a route whose body is a `model`; `api.openapi` adds the schema itself."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _refuse_other_media_types(request: Request) -> None:
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise Problem(
            415, "media_type_not_taken", f"The body is '{media_type}'; send JSON as application/json."
        )


async def _read(request: Request, *, at_most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > at_most:
            raise Problem(413, "body_too_large", f"The body is larger than {at_most} bytes.")
    return bytes(body)


def parse(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`, which every database and every other parser reads the same way.

    Refused: another encoding than UTF-8, a name twice in one object, numbers that no float holds,
    NUL and half surrogate pairs in strings, deep nesting.

    Raises:
        Problem: 422, with the sentence.
    """
    try:
        document = json.loads(
            raw.decode(), parse_float=_finite, parse_constant=_finite, object_pairs_hook=_once_each
        )
        _check(document, depth=0)
    except UnicodeDecodeError:
        raise _invalid("it is not UTF-8") from None
    except RecursionError:
        raise _invalid(f"it is nested deeper than {_DEEPEST} levels") from None
    except json.JSONDecodeError as error:
        raise _invalid(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except ValueError as error:
        raise _invalid(str(error)) from None
    if not isinstance(document, dict):
        raise Problem(422, "not_an_object", "The body must be a JSON object.")
    return document


def _invalid(why: str) -> Problem:
    return Problem(422, "json_invalid", f"The body cannot be read as JSON: {why}.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is not finite")
    return number


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name '{twice[:80]}' stands twice in one object")
    return members


def _check(node: Any, *, depth: int) -> None:
    if depth > _DEEPEST:
        raise RecursionError
    match node:
        case str():
            if "\0" in node or (not node.isprintable() and any("\ud800" <= c <= "\udfff" for c in node)):
                raise ValueError("a string holds a NUL or half a surrogate pair")
        case bool():
            pass
        case int():
            if abs(node) >= 2**63:
                raise ValueError("a whole number has more than 63 bits")
        case list():
            for entry in node:
                _check(entry, depth=depth + 1)
        case dict():
            for name, entry in node.items():
                _check(name, depth=depth + 1)
                _check(entry, depth=depth + 1)
