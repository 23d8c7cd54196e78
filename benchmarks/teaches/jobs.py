"""Whole jobs: a document, a dataset and a teacher, run once and remembered."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.teaches.data import Prepared
from benchmarks.teaches.folders import Asked, Heard, ask
from distill.config.document import parse_job
from distill.config.events import EVENT, Finished, Measured
from distill.config.folder import RunJob
from distill.config.networks import Network

DOCUMENT = "document.json"


@dataclass(frozen=True)
class Taught:
    """A network that can teach, and the folder that holds its files."""

    network: Network
    files: Path


@dataclass(frozen=True)
class Outcome:
    """A job that is over."""

    folder: Path
    heard: Heard

    @property
    def result(self) -> dict[str, Any]:
        return self.heard.the(Finished).result

    def student(self) -> Taught:
        network = self.heard.the(Finished).student
        assert network is not None
        return Taught(network, self.folder / "out" / "student")

    def curve(self, run: str, name: str) -> list[tuple[int, float, float]]:
        """(update, epoch seconds, value) of one figure of one run, as they came."""
        return [
            (event.step, event.time, event.values[name])
            for event in self.heard.all(Measured)
            if event.run == run and name in event.values
        ]

    def seconds_of(self, phase: str) -> float:
        """How long a phase took by the job's own log; 0 where there was none."""
        ended = re.search(
            rf"event=phase_ended phase={phase} seconds=([\d.]+)", (self.folder / "log").read_text()
        )
        return float(ended[1]) if ended else 0.0


def outcome(folder: Path, document: dict[str, Any], data: Prepared, teacher: Taught | None) -> Outcome:
    """Run the job in `folder`, or read what it said where it has run with this very document."""
    written = folder / DOCUMENT
    if written.exists() and json.loads(written.read_text()) == document:
        lines = (folder / "events.jsonl").read_text().splitlines()
        return Outcome(folder, Heard([EVENT.validate_json(line) for line in lines]))
    shutil.rmtree(folder, ignore_errors=True)
    links = {f"in/dataset/{split.file}": data.splits / split.file for split in data.dataset.splits.values()}
    if teacher is not None:
        links |= {f"in/teachers/0/{file}": teacher.files / file for file in teacher.network.files}
    request = RunJob(
        document=parse_job(document),
        teachers=[teacher.network] if teacher else [],
        dataset=data.dataset,
    )
    heard = ask("run", Asked(request, links=links), folder)
    shutil.rmtree(folder / "out" / "checkpoints", ignore_errors=True)
    written.write_text(json.dumps(document))
    return Outcome(folder, heard)
