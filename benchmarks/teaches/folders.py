"""Folders in which `python -P -m distill COMMAND FOLDER` works, as a worker stages them."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from distill.config.events import EVENT, Event
from distill.config.folder import REQUEST, Request

E = TypeVar("E")


@dataclass(frozen=True)
class Asked:
    """A request, and the files that it speaks of: those to write, and those to link to."""

    request: Request
    writes: Mapping[str, Callable[[Path], None]] = field(default_factory=dict)
    links: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Heard:
    """What a process told."""

    events: list[Event]

    def the(self, kind: type[E]) -> E:
        """Its last event of one kind."""
        return self.all(kind)[-1]

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]


def ask(command: str, asked: Asked, folder: Path) -> Heard:
    """Stage `folder`, run the command in it on one thread, and keep its events in `events.jsonl`.

    Raises:
        RuntimeError: the process did not do what it was asked; the message ends with what it said.
    """
    for name, write in asked.writes.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(folder / name)
    for name, target in asked.links.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target.absolute())
    (folder / "in").mkdir(parents=True, exist_ok=True)
    (folder / REQUEST).write_text(asked.request.model_dump_json())
    with (folder / "events.jsonl").open("w") as events, (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "distill", command, str(folder)],
            stdin=subprocess.PIPE,  # held open: its end tells the process to exit
            stdout=events,
            stderr=log,
            env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        )
        exit_code = process.wait()
    lines = (folder / "events.jsonl").read_text().splitlines()
    if exit_code != 0:
        said = lines[-1] if lines else (folder / "log").read_text()[-2000:]
        raise RuntimeError(f"`distill {command} {folder}` ended with {exit_code}: {said}")
    return Heard([EVENT.validate_json(line) for line in lines])
