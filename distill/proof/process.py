"""One of the programs, as its parent sees it: start it, ask it, end it."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

PROGRAMS = Path(__file__).parent / "programs"
SERVE = PROGRAMS / "serve.py"
LOOK_EVERY_S = 0.1
LONGEST_REPLY = 2**20
START_S, CALLS_S, ANSWER_S = 600.0, 600.0, 1800.0


class RefusedToRun(Exception):
    """A process died, hung or said what is no reply; the message says which."""


class Outside:
    """A process that runs one network. It dies with this one, and with the block in which it was started.

    `request` is what `programs/serve.py` reads; where it is `alone`, not even the path of this package
    leads to the process. `heed` is called while waiting; what it raises ends the block.
    """

    def __init__(self, request: Mapping[str, Any], scratch: Path, heed: Callable[[], None]) -> None:
        scratch.mkdir()
        self._scratch = scratch
        self._heed = heed
        (scratch / "request.json").write_text(json.dumps(request))
        with (scratch / "log").open("wb") as said:
            self._process = subprocess.Popen(  # noqa: S603 - our own program, on files that we wrote
                [
                    sys.executable,
                    "-I" if request["alone"] else "-P",
                    str(SERVE),
                    str(scratch / "request.json"),
                    str(os.getpid()),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                cwd=scratch,
                env=os.environ | _quiet(request["threads"]),
            )
        self._unread = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Kill it, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def tell(self, command: str) -> None:
        """Send a command, whose reply `hear` brings. That nobody listens shows there."""
        assert self._process.stdin is not None
        try:
            os.write(self._process.stdin.fileno(), command.encode() + b"\n")
        except BrokenPipeError:
            return

    def hear(self, *, within_s: float) -> dict[str, Any]:
        """The next reply.

        Raises:
            RefusedToRun: there came none in time, or what came is none.
        """
        line = self._line(time.monotonic() + within_s, within_s)
        try:
            reply = json.loads(line)
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise RefusedToRun(f"it said what is no reply: {line[:80]!r}")
        return reply

    def _line(self, deadline: float, within_s: float) -> bytes:
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        while b"\n" not in self._unread:
            self._heed()
            if time.monotonic() > deadline:
                raise RefusedToRun(f"it did not answer within {within_s:g} s")
            if not select.select([pipe], [], [], LOOK_EVERY_S)[0]:
                continue
            said = os.read(pipe, 2**16)
            if not said:
                raise RefusedToRun(self._last_words())
            self._unread += said
            if len(self._unread) > LONGEST_REPLY:
                raise RefusedToRun("it said more than any reply has")
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def _last_words(self) -> str:
        """Why it ended: the last line that it said, or the signal."""
        self._process.kill()
        code = self._process.wait()
        lines = (self._scratch / "log").read_text(errors="replace").strip().splitlines()
        if lines:
            return lines[-1]
        return (
            f"it ended with code {code} and said nothing" if code >= 0 else f"it was killed by signal {-code}"
        )


def _quiet(threads: int) -> dict[str, str]:
    """So many threads, and none of them busy while it waits: the next process has its turn then."""
    return {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "passive",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
    }
