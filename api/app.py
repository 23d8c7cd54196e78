"""The API, put together."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI

from api import openapi, problems
from api.auth import Keys
from api.dependencies import House
from api.edge import Edge
from api.once import HANDLERS as REPLAYS
from api.readiness import Readiness
from api.routes import ROUTERS
from api.telemetry import Telemetry
from api.watch import Watch
from ledger import queries
from ledger.database import Sessions
from ledger.files import Store
from ledger.queue import Doorbell
from ledger.settings import Settings

_DESCRIPTION = """\
Distill neural networks as jobs: upload a teacher and a dataset, say what the student is, and take
home a small network with honest figures.

Every error is `application/problem+json` with a sentence that says what is true and what to do.
Lists are newest first; ask for the next part with `after=<id of the last item>`.
A POST that creates takes an `Idempotency-Key`, and may then be sent again safely.
"""


def create_app(sessions: Sessions, store: Store, doorbell: Doorbell, settings: Settings) -> FastAPI:
    """The application; it owns none of what it is given, and closes nothing of it."""
    house = House(
        sessions=sessions,
        store=store,
        doorbell=doorbell,
        settings=settings,
        keys=Keys(sessions),
        watch=Watch(partial(_heads, sessions)),
        telemetry=Telemetry(),
        readiness=Readiness(sessions, store, doorbell),
    )
    app = FastAPI(
        title="Limbeck",
        version=version("limbeck-server"),
        description=_DESCRIPTION,
        lifespan=_polling,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={**problems.HANDLERS, **REPLAYS},
    )
    app.state.house = house
    app.add_middleware(Edge, observe=house.telemetry.observe)
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = partial(openapi.document, app)  # type: ignore[method-assign]  # how FastAPI is extended
    return app


@asynccontextmanager
async def _polling(app: FastAPI) -> AsyncIterator[None]:
    poller = asyncio.create_task(app.state.house.watch.poll())
    yield
    app.state.house.watch.close()
    poller.cancel()
    with suppress(asyncio.CancelledError):
        await poller


def _heads(sessions: Sessions, ids: Collection[str]) -> dict[str, queries.Head]:
    with sessions.reading() as session:
        return queries.heads(session, ids)
