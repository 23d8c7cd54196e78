"""A POST that creates, sent twice, creates once: the `Idempotency-Key` at the door.

The key is claimed before the body is judged; the answer is stored in the transaction of what was
created (`keep`), or, where the request was at fault, with the problem that it got.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import Annotated, Any

import structlog
from fastapi import Depends, Header, Request
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from api.bodies import JsonBodyDep
from api.dependencies import CallerDep, HouseDep
from api.problems import MEDIA_TYPE, Handler, describe
from distill.config.names import Spelling
from ledger import idempotency
from ledger.database import Sessions
from ledger.errors import IdempotencyInFlight, LedgerError
from ledger.idempotency import Key, Replay, Started

log = structlog.get_logger()

_NOT_KEPT = frozenset({401, 403, 408, 409, 429})
"""Beside 5xx: answers that the same request may well not get again."""
_RENEW_EVERY_S = 20.0

_Key = Annotated[
    str,
    Spelling(
        r"^[\x20-\x7e]{1,255}$",
        code="idempotency_key_invalid",
        rule="a key has 1 to 255 characters of printable ASCII",
    ),
]
IdempotencyKey = Annotated[
    _Key | None,
    Header(
        alias="Idempotency-Key",
        description="The same key and body within a day get the first answer again.",
    ),
]


class Replayed(Exception):
    """The request was answered before; this is the answer."""

    def __init__(self, replay: Replay) -> None:
        super().__init__("replayed")
        self.replay = replay


class Once:
    """One request under its key, or under none: then every method does nothing."""

    def __init__(self, sessions: Sessions, key: Key | None, query: str) -> None:
        self._sessions = sessions
        self._key = key
        self._query = query
        self._started: Started | None = None
        self._replay: Replay | None = None
        self._fingerprint: str | None = None

    @property
    def keyless(self) -> bool:
        return self._key is None

    def begin(self, body_sha256: str | None) -> None:
        """Claim the key. A streamed body has no hash yet: `body_is` tells it later.

        Raises:
            Replayed, IdempotencyMismatch, IdempotencyInFlight.
        """
        if self._key is None:
            return
        self._fingerprint = self._print(body_sha256) if body_sha256 is not None else None
        with self._sessions.writing() as session:
            claim = idempotency.begin(session, self._key, request_sha256=self._fingerprint)
        if isinstance(claim, Started):
            self._started = claim
        elif self._fingerprint is not None:
            raise Replayed(claim)
        else:
            self._replay = claim

    def body_is(self, body_sha256: str) -> None:
        """The streamed body is received.

        Raises:
            Replayed, IdempotencyMismatch: it was answered before, or is not the one that was.
        """
        self._fingerprint = self._print(body_sha256)
        if self._replay is not None:
            idempotency.require_same(self._replay, self._fingerprint)
            raise Replayed(self._replay)

    def keep(
        self, session: Session, status: int, answer: BaseModel, headers: Mapping[str, str] | None = None
    ) -> None:
        """Store the answer in the transaction of what it shows."""
        if self._started is not None:
            self._finish(session, status, answer.model_dump(mode="json", by_alias=True), headers or {})

    def renew(self) -> None:
        if self._started is not None:
            with self._sessions.writing() as session:
                idempotency.renew(session, self._started)

    def failed(self, error: BaseException) -> None:
        """Keep the problem that the same request would get again; else give the key back."""
        if self._started is None:
            return
        problem = describe(error) if isinstance(error, Exception) else None
        kept = problem is not None and problem.status < 500 and problem.status not in _NOT_KEPT
        try:
            if problem is None or not kept or self._fingerprint is None:
                self.abandon()
            else:
                with self._sessions.writing() as session, suppress(IdempotencyInFlight):
                    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
                    self._finish(session, problem.status, problem.body(request_id), problem.headers)
        except LedgerError:  # the lease runs out by itself
            log.warning("idempotency_key_not_returned", exc_info=True)

    def abandon(self) -> None:
        """Give the key back, unless its answer is stored; nothing is kept of this request any more."""
        if self._started is not None:
            with self._sessions.writing() as session:
                idempotency.abandon(session, self._started)
            self._started = None

    def _finish(
        self, session: Session, status: int, body: dict[str, Any], headers: Mapping[str, str]
    ) -> None:
        assert self._started is not None
        assert self._fingerprint is not None
        idempotency.finish(
            session,
            self._started,
            request_sha256=self._fingerprint,
            status=status,
            headers=dict(headers),
            body=body,
        )

    def _print(self, body_sha256: str) -> str:
        return sha256(f"{self._query}\n{body_sha256}".encode()).hexdigest()


async def _once(request: Request, house: HouseDep, caller: CallerDep, key: IdempotencyKey = None) -> Once:
    scope = Key(caller.project_id, key, request.method, request.url.path) if key is not None else None
    return Once(house.sessions, scope, request.url.query)


BareOnce = Annotated[Once, Depends(_once)]


async def _once_for_json(once: BareOnce, body: JsonBodyDep) -> AsyncIterator[Once]:
    async with _guarded(once, body.sha256):
        yield once


async def _once_for_no_body(once: BareOnce) -> AsyncIterator[Once]:
    async with _guarded(once, ""):
        yield once


@asynccontextmanager
async def _guarded(once: Once, body_sha256: str) -> AsyncIterator[None]:
    if once.keyless:  # a thread that does nothing costs as much as one that does
        yield
        return
    await run_in_threadpool(once.begin, body_sha256)
    try:
        yield
    except BaseException as error:
        await run_in_threadpool(once.failed, error)
        raise


async def _once_for_a_stream(once: BareOnce) -> AsyncIterator[Once]:
    await run_in_threadpool(once.begin, None)
    renewing = asyncio.create_task(_keep_renewing(once))
    try:
        yield once
    except BaseException as error:
        await run_in_threadpool(once.failed, error)
        raise
    finally:
        renewing.cancel()


async def _keep_renewing(once: Once) -> None:
    while True:
        await asyncio.sleep(_RENEW_EVERY_S)
        try:
            await run_in_threadpool(once.renew)
        except LedgerError:  # a key that is lost is noticed when the answer is stored
            log.warning("idempotency_key_not_renewed", exc_info=True)


OnceDep = Annotated[Once, Depends(_once_for_json)]
"""Stands before the checked body in a route, so that a bad body is answered under its key too."""
BodylessOnceDep = Annotated[Once, Depends(_once_for_no_body)]
StreamedOnceDep = Annotated[Once, Depends(_once_for_a_stream)]


async def _replay(request: Request, error: Exception) -> Response:
    assert isinstance(error, Replayed)
    first = error.replay
    return JSONResponse(
        first.body,
        first.status,
        headers={**first.headers, "Idempotent-Replayed": "true"},
        media_type="application/json" if first.status < 400 else MEDIA_TYPE,
    )


HANDLERS: dict[int | type[Exception], Handler] = {Replayed: _replay}
