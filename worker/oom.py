"""Did the kernel kill for want of memory? The counter of our control group, version 1 or 2."""

from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def kills(root: Path = _ROOT, membership: Path = _MEMBERSHIP) -> int | None:
    """How often the kernel has killed in our control group; None where nobody counts."""
    for path in _counters(root, membership):
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return None


def _counters(root: Path, membership: Path) -> list[Path]:
    """Where the counter may be. In a container our path in the tree may not be in sight."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        number, controllers, place = line.split(":", 2)
        if number == "0":
            found += [root / place.lstrip("/") / "memory.events", root / "memory.events"]
        elif "memory" in controllers.split(","):
            tree = root / "memory"
            found += [tree / place.lstrip("/") / "memory.oom_control", tree / "memory.oom_control"]
    return found
