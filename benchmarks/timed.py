"""`python -P -m benchmarks.timed FILE worker ...`: a worker whose claims are timed, one line each.

The product knows nothing of it: the function is wrapped here, before the worker begins.
"""

import functools
import os
import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from worker import run

CLAIMED, IN_VAIN = "claimed", "in vain"


def seconds_of(file: Path) -> dict[str, list[float]]:
    """What was written to `file`, by what came of it."""
    found: dict[str, list[float]] = {CLAIMED: [], IN_VAIN: []}
    for line in file.read_text().splitlines():
        seconds, _, what = line.partition(" ")
        found[what].append(float(seconds))
    return found


def _timed(take: Callable[[Any], Any], file: str) -> Callable[[Any], Any]:
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    @functools.wraps(take)
    def timed(place: Any) -> Any:
        began = time.perf_counter()
        claim = take(place)
        taken = time.perf_counter() - began
        os.write(descriptor, f"{taken:.6f} {IN_VAIN if claim is None else CLAIMED}\n".encode())
        return claim

    return timed


if __name__ == "__main__":
    run._take = _timed(run._take, sys.argv[1])
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
