"""How much memory this process may still use, so that an input is refused before it is too much."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
PROCESS = Path("/proc/self")


def available_bytes() -> int:
    """The least of what the machine, the control group and this process's own limit still give."""
    return max(0, min(_bounds(), default=2**30))


def _bounds() -> Iterator[int]:
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024
    limit = next(_lines(CGROUP / "memory.max"), "max").strip()
    if limit.isdigit():
        yield int(limit) - _used_by_group()
    address_space, _ = resource.getrlimit(resource.RLIMIT_AS)
    if address_space != resource.RLIM_INFINITY:
        pages = next(_lines(PROCESS / "statm"), "0").split()[0]
        yield address_space - int(pages) * os.sysconf("SC_PAGE_SIZE")


def _used_by_group() -> int:
    """What the control group holds, without cached files: the kernel gives those up when asked."""
    used = int(next(_lines(CGROUP / "memory.current"), "0"))
    for line in _lines(CGROUP / "memory.stat"):
        name, _, amount = line.partition(" ")
        if name == "inactive_file":
            used -= int(amount)
    return used


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open() as file:
            yield from file
    except OSError:
        return
