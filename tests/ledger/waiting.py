"""Wait for what another thread or process does."""

import time
from collections.abc import Callable


def until(holds: Callable[[], bool], *, within_s: float = 30.0) -> None:
    """Return once `holds` does; an `OSError` counts as not yet."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise TimeoutError(f"not within {within_s} s")
