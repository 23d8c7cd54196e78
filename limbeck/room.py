"""What every kind of object has: an address, a list in pages, and a wait until it is settled."""

import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from limbeck.errors import WaitTimedOut
from limbeck.transport import Transport

_HOLD_S = 30
"""How long a waiting request is held; longer ones die in too many proxies."""


class Room:
    """One kind of object, at `path`."""

    path = ""

    def __init__(self, transport: Transport, *, at: str | None = None) -> None:
        self._transport = transport
        self.path = at or self.path

    def _get(self, object_id: str, *, wait: float | None = None, retry_for: float | None = None) -> Any:
        """`wait`: seconds to hold the request until the status changes."""
        return self._transport.request(
            "GET",
            self._at(object_id),
            params={"wait": wait and max(1, round(wait))},
            waits=wait or 0,
            retry_for=retry_for,
        ).json()

    def _at(self, object_id: str, *part: str) -> str:
        """The address of an object or of a part of it, whatever characters the caller took for an id."""
        return "/".join((self.path, quote(object_id, safe=""), *part))

    def _list(self, params: Mapping[str, Any], *, at: str | None = None, last: str = "id") -> Iterator[Any]:
        """Every object of the list `at` an address, page by page; `last` names what a page is after."""
        after: str | None = None
        while True:
            page = self._transport.request(
                "GET", at or self.path, params={**params, "limit": 100, "after": after}
            ).json()
            yield from page["data"]
            if not page["has_more"]:
                return
            after = page["data"][-1][last]

    def settled(self, object_id: str, pending: frozenset[str], timeout: float | None) -> Any:
        """The object once its status is none of `pending`; holds on through a lost connection."""
        deadline = time.monotonic() + (float("inf") if timeout is None else timeout)
        found = self._get(object_id, retry_for=deadline - time.monotonic())
        while found["status"] in pending:
            left = deadline - time.monotonic()
            if left <= 0:
                raise WaitTimedOut(f"{object_id} is still {found['status']} after {timeout:.0f} s")
            found = self._get(object_id, wait=min(_HOLD_S, left), retry_for=left)
        return found
