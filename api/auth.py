"""Who asks, and whether the key is good for it."""

import time
from hashlib import sha256
from threading import Lock
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from ledger import keys
from ledger.database import Sessions
from ledger.errors import KeyInvalid
from ledger.keys import Caller

_REMEMBERED_S = 15.0
_MOST_REMEMBERED = 1000

bearer = HTTPBearer(
    auto_error=False,
    description="An API key: `lmb_<prefix>_<secret>`. GET needs the scope `read`, all else `write`.",
)


class Keys:
    """Good keys, remembered for a few seconds: a revoked one works that much longer at most."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._remembered: dict[bytes, tuple[float, Caller]] = {}
        self._lock = Lock()

    def caller(self, text: str) -> Caller:
        """Whose key this is.

        Raises:
            KeyInvalid: nobody's.
        """
        remembered = self.remembered(text)
        if remembered is not None:
            return remembered
        with self._sessions.reading() as session:
            caller = keys.authenticate(session, text)
        with self._lock:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[_digest(text)] = (time.monotonic() + _REMEMBERED_S, caller)
        return caller

    def remembered(self, text: str) -> Caller | None:
        """Whose key this is, where that is known without a look at the database."""
        with self._lock:
            until, caller = self._remembered.get(_digest(text), (0.0, None))
        return caller if time.monotonic() < until else None


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


async def authenticated(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Caller:
    """The caller, who may read with GET and HEAD and write with all else.

    Raises:
        KeyInvalid: no key, or not a good one.
        ScopeMissing: the key is not for this.
    """
    if credentials is None:
        raise KeyInvalid
    known: Keys = request.app.state.house.keys
    text = credentials.credentials
    caller = known.remembered(text)
    if caller is None:
        caller = await run_in_threadpool(known.caller, text)
    caller.require("read" if request.method in ("GET", "HEAD") else "write")
    return caller


CallerDep = Annotated[Caller, Depends(authenticated)]
