"""How many requests wait for a change at the price of one: a single poller per process."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import structlog
from starlette.concurrency import run_in_threadpool

from ledger.queries import Head

log = structlog.get_logger()


@dataclass(eq=False)
class _Waiter:
    until: Callable[[Head | None], bool]
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Watch:
    """Wakes waiting requests when what they watch is as they wish.

    A waiter holds no thread, session or connection. All watched objects are read together, every
    `every_s` seconds, and only while somebody waits.
    """

    def __init__(
        self, read: Callable[[Collection[str]], Mapping[str, Head]], *, every_s: float = 0.5
    ) -> None:
        self._read = read
        self._every_s = every_s
        self._waiters: defaultdict[str, set[_Waiter]] = defaultdict(set)
        self._somebody = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closing = False

    async def change(self, subject_id: str, *, until: Callable[[Head | None], bool], within: float) -> bool:
        """True once `until` holds of the head of `subject_id` (None where it is gone).

        False after `within` seconds, and when the process is closing: no request holds it up.
        """
        if self.closing:
            return False
        waiter = _Waiter(until)
        self._waiters[subject_id].add(waiter)
        self._somebody.set()
        try:
            async with asyncio.timeout(within):
                await waiter.changed.wait()
        except TimeoutError:
            return False
        else:
            return not self.closing
        finally:
            self._forget(subject_id, waiter)

    async def poll(self) -> None:
        """Runs as long as the process."""
        self._loop = asyncio.get_running_loop()
        while True:
            await self._somebody.wait()
            try:
                watched = list(self._waiters)
                self._wake(watched, await run_in_threadpool(self._read, watched))
            except Exception:
                # The waiters time out on their own; the next request says what is wrong.
                log.exception("watch_failed", watched=len(self._waiters))
            await asyncio.sleep(self._every_s)

    def close(self) -> None:
        """Let everybody go, and keep nobody from now on. Call it on the event loop."""
        self.closing = True
        for waiter in [waiter for waiters in self._waiters.values() for waiter in waiters]:
            waiter.changed.set()

    def close_soon(self) -> None:
        """The same, from a signal handler."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.close)

    def _wake(self, watched: Collection[str], heads: Mapping[str, Head]) -> None:
        for subject_id in watched:
            for waiter in self._waiters.get(subject_id, ()):
                if waiter.until(heads.get(subject_id)):
                    waiter.changed.set()

    def _forget(self, subject_id: str, waiter: _Waiter) -> None:
        self._waiters[subject_id].discard(waiter)
        if not self._waiters[subject_id]:
            del self._waiters[subject_id]
        if not self._waiters:
            self._somebody.clear()
