"""Where a training process may look and write: bubblewrap where it works, else limits alone.

In bubblewrap it sees the system's libraries, its interpreter and its own folder, all read-only but
`FOLDER/out` and a private `/tmp`; it has no network, and no other process is in sight. Limits alone
(no new privileges, bounded address space, empty environment, own process group) hold a crash but
not an intruder; `/readyz` says which of the two a worker has.
"""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog

import distill
from worker import launch

log = structlog.get_logger(__name__)

Kind = Literal["bubblewrap", "limits"]
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SETTINGS = ("/etc/ld.so.cache", "/etc/localtime", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf")
_MACHINE = ("/sys/devices/system/cpu", "/sys/devices/system/node")
_TRIAL_S = 20


class SandboxUnavailable(RuntimeError):
    """Bubblewrap was insisted on and does not work here."""


@dataclass(frozen=True)
class Sandbox:
    """How a command is wrapped before it is started."""

    kind: Kind

    def command(
        self, command: list[str], folder: Path, *, supervisor: int, memory_bytes: int = 0, gpu: bool = False
    ) -> list[str]:
        """`command` as it is started on the host: bound to its supervisor, limited, fenced in.

        The host sees all of it in one command line, `folder` and the command's own words included.
        """
        fence = _bubblewrap(folder, gpu=gpu) if self.kind == "bubblewrap" else []
        launcher = [sys.executable, "-I", "-S", launch.__file__, str(supervisor), str(memory_bytes)]
        return [*launcher, *fence, *command]

    def scratch(self, folder: Path) -> Path:
        """Where the process may keep what it needs for a moment."""
        return Path("/tmp") if self.kind == "bubblewrap" else folder / "tmp"  # noqa: S108 - its own


def detect(wish: str) -> Sandbox:
    """The sandbox that `wish` (`auto`, `bubblewrap`, `limits`) comes to on this machine.

    Raises:
        SandboxUnavailable: `bubblewrap` was asked for and a trial of it failed.
    """
    if wish == "limits":
        return Sandbox("limits")
    problem = _trial()
    if problem is None:
        return Sandbox("bubblewrap")
    if wish == "bubblewrap":
        raise SandboxUnavailable(
            f"bubblewrap does not work here: {problem}. Install it and allow user namespaces, "
            "or set LIMBECK_SANDBOX=auto to run with limits alone."
        )
    log.warning("sandbox_limited", problem=problem, hint="install bubblewrap and allow user namespaces")
    return Sandbox("limits")


@functools.cache
def _trial() -> str | None:
    """What keeps bubblewrap from working here, or None: it imports our science and writes a file."""
    if shutil.which("bwrap") is None:
        return "there is no program bwrap"
    with tempfile.TemporaryDirectory(prefix="limbeck-trial-") as name:
        folder = Path(name).resolve()
        (folder / "in").mkdir()
        (folder / "out").mkdir()
        probe = "import distill; open('out/made', 'w').close()"
        command = Sandbox("bubblewrap").command(
            [sys.executable, "-P", "-c", probe], folder, supervisor=os.getpid()
        )
        try:
            ran = subprocess.run(  # noqa: S603 - the command is ours
                command, cwd=folder, env=inherited(), capture_output=True, text=True, timeout=_TRIAL_S
            )
        except subprocess.TimeoutExpired:
            return f"a trial did not end within {_TRIAL_S} s"
        if ran.returncode == 0 and (folder / "out" / "made").exists():
            return None
        return (ran.stderr.strip().splitlines() or [f"a trial ended with code {ran.returncode}"])[-1]


def in_sight(path: Path) -> bool:
    """Whether bubblewrap would show this file to every process that it fences in."""
    places = [*_SYSTEM, *_SETTINGS, *_interpreter()]
    return any(path.resolve().is_relative_to(Path(place).resolve()) for place in places)


def inherited() -> dict[str, str]:
    """What a sandboxed process has of our environment: how to find libraries and packages, no more."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "PYTHONPATH") if name in os.environ}
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONSAFEPATH": "1", **kept}


def _bubblewrap(folder: Path, *, gpu: bool) -> list[str]:
    program = shutil.which("bwrap")
    assert program is not None
    readable = [*_SYSTEM, *_SETTINGS, *_MACHINE, *_interpreter(), *(("/sys",) if gpu else ())]
    return [
        program,
        *("--unshare-all", "--unshare-user", "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL"),
        "--die-with-parent",
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/dev/shm", "--tmpfs", "/tmp"),  # noqa: S108
        *(word for path in readable for word in ("--ro-bind-try", path, path)),
        *(word for path in (_gpu_nodes() if gpu else ()) for word in ("--dev-bind-try", path, path)),
        *("--tmpfs", str(folder)),
        *("--ro-bind", str(folder / "in"), str(folder / "in")),
        *("--bind", str(folder / "out"), str(folder / "out")),
        *("--remount-ro", str(folder), "--remount-ro", "/dev", "--remount-ro", "/"),
        *("--chdir", str(folder), "--"),
    ]


def _interpreter() -> list[str]:
    """The folders that Python and our science are read from, but nothing beside them."""
    prefixes = {Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent}
    packages = {Path(place) for place in distill.__path__}
    found = {str(path) for path in prefixes | packages | {path.resolve() for path in prefixes | packages}}
    return sorted(found - {"/", "/usr"})  # parents sort before what is in them


def _gpu_nodes() -> list[str]:
    return sorted(str(path) for path in Path("/dev").glob("nvidia*"))
