"""What a route may ask for by its type.

These are coroutines though they never wait: FastAPI gives a thread to every plain function.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.auth import CallerDep, Keys
from api.problems import Mistake, Problem, of_mistakes
from api.readiness import Readiness
from api.schemas.shared import Item, Page
from api.telemetry import Telemetry
from api.watch import Watch
from ledger.database import Sessions
from ledger.files import Store
from ledger.identifiers import is_id
from ledger.queue import Doorbell
from ledger.settings import Settings

__all__ = ["CallerDep", "House", "HouseDep", "Paging", "PagingDep"]


@dataclass(frozen=True)
class House:
    """Everything that outlives a request."""

    sessions: Sessions
    store: Store
    doorbell: Doorbell
    settings: Settings
    keys: Keys
    watch: Watch
    telemetry: Telemetry
    readiness: Readiness

    @property
    def uploads(self) -> Path:
        """The folder of bodies that are still on their way in."""
        folder = self.settings.work_dir / "uploads"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


async def _house(request: Request) -> House:
    return cast(House, request.app.state.house)


HouseDep = Annotated[House, Depends(_house)]


@dataclass(frozen=True)
class Paging:
    limit: int
    after: str | None

    def after_id(self, prefix: str) -> str | None:
        """`after`, in a list that goes by ids; the item itself may be gone.

        Raises:
            Problem: 422, it is no id of this kind.
        """
        if self.after is not None and not is_id(self.after, prefix):
            raise _no_such_item(self.after)
        return self.after

    def of(self, items: Sequence[Item], id_of: Callable[[Item], object]) -> Page[Item]:
        """The part of a list that is short enough to be read whole.

        Raises:
            Problem: 422, `after` is not in the list.
        """
        ids = [str(id_of(item)) for item in items]
        if self.after is not None and self.after not in ids:
            raise _no_such_item(self.after)
        start = 0 if self.after is None else ids.index(self.after) + 1
        rest = items[start:]
        return Page(data=list(rest[: self.limit]), has_more=len(rest) > self.limit)


def _no_such_item(after: str) -> Problem:
    detail = f"this list has no item '{after}'; give the id of the last item that you have, or none"
    return of_mistakes((Mistake(detail, "unknown_item", parameter="after"),), "unknown_item")


async def _paging(
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[
        str | None, Query(max_length=200, description="The id of the last item that you have.")
    ] = None,
) -> Paging:
    return Paging(limit, after)


PagingDep = Annotated[Paging, Depends(_paging)]


async def known_parameters_only(request: Request) -> None:
    """A misspelled parameter is refused, because to ignore it would answer another question.

    Raises:
        Problem: 422, with the nearest name.
    """
    route: APIRoute = request.scope["route"]
    taken = set(_query_parameters(route.dependant))
    deep = tuple(f"{extra['name']}[" for extra in (route.openapi_extra or {}).get("parameters", ()))
    spellings = taken | {f"{start}...]" for start in deep}
    mistakes = tuple(
        Mistake(_unknown(name, spellings), "unknown_parameter", parameter=name)
        for name in dict.fromkeys(request.query_params)
        if name not in taken and not (name.startswith(deep) and name.endswith("]"))
    )
    if mistakes:
        raise of_mistakes(mistakes, "unknown_parameter")


def _query_parameters(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for nested in dependant.dependencies:
        yield from _query_parameters(nested)


def _unknown(name: str, taken: set[str]) -> str:
    nearest = get_close_matches(name, sorted(taken), n=1)
    return f"unknown parameter '{name[:80]}'" + (f"; did you mean '{nearest[0]}'?" if nearest else "")
