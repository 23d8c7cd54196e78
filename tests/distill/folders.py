"""Stage by hand what a worker stages: a folder in which `python -P -m distill run` works."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from distill.config.document import parse_job
from distill.config.events import DatasetInspected, Event
from distill.config.folder import Incumbent, InspectDataset, RunJob
from distill.config.networks import Dataset, Network
from distill.inspect.dataset import inspect_dataset
from distill.recipe import run_job

E = TypeVar("E")


class Heard:
    """Takes events where a supervisor would."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def send(self, event: Event) -> None:
        self.events.append(event)


def digits(folder: Path, task: str = "image-classification") -> Dataset:
    """The built-in digits in canonical form, in `folder`."""
    request = InspectDataset(filename=None, builtin="digits", task=task)
    return inspected(request, folder)


def inspected(request: InspectDataset, folder: Path) -> Dataset:
    """What an inspection makes of a dataset; its splits lie in `folder` afterwards."""
    (folder / "out").mkdir(parents=True, exist_ok=True)
    heard = Heard()
    inspect_dataset(request, folder, heard)
    last = heard.events[-1]
    assert isinstance(last, DatasetInspected)
    for split in last.dataset.splits.values():
        shutil.move(folder / "out" / split.file, folder / split.file)
    return last.dataset


def stage(
    folder: Path,
    document: dict[str, Any],
    dataset: Dataset,
    splits: Path,
    *,
    teacher: Network | None = None,
    teacher_files: Path | None = None,
    panel: Sequence[tuple[Network, Path]] = (),
    student: tuple[Network, Path] | None = None,
    incumbents: Sequence[tuple[Incumbent, Path]] = (),
    checkpoint: Path | None = None,
) -> Path:
    """Put a job's inputs where the training process looks for them.

    `panel` are several teachers, `student` the model that the student starts from, `incumbents` those that
    gates put it beside, each with its files.
    """
    inputs = folder / "in"
    (inputs / "dataset").mkdir(parents=True)
    for split in dataset.splits.values():
        shutil.copy(splits / split.file, inputs / "dataset" / split.file)
    if teacher_files is not None:
        shutil.copytree(teacher_files, inputs / "teachers" / "0")
    for number, (_, files) in enumerate(panel):
        shutil.copytree(files, inputs / "teachers" / str(number))
    if student is not None:
        shutil.copytree(student[1], inputs / "student")
    for number, (_, files) in enumerate(incumbents):
        shutil.copytree(files, inputs / "incumbents" / str(number))
    if checkpoint is not None:
        shutil.copy(checkpoint, inputs / "checkpoint")
    request = RunJob(
        document=parse_job(document),
        teachers=[teacher] if teacher else [network for network, _ in panel],
        student=student[0] if student else None,
        incumbents=[incumbent for incumbent, _ in incumbents],
        dataset=dataset,
        resume=checkpoint is not None,
    )
    (inputs / "request.json").write_text(json.dumps(request.model_dump(mode="json")))
    return folder


class Stop:
    """A supervisor that wishes to stop once it was asked so often, or once `after` says so."""

    def __init__(self, wish: str = "pause", *, looks: int | None = None) -> None:
        self._wish = wish
        self._looks_left = looks
        self.now = False

    def wish(self) -> str | None:
        if self._looks_left is not None:
            self._looks_left -= 1
            self.now = self.now or self._looks_left < 0
        return self._wish if self.now else None


def run(folder: Path, *, stop: Stop | None = None, heard: Heard | None = None) -> Heard:
    """Run a staged job in this process; what it raises is raised here."""
    heard = heard or Heard()
    request = RunJob.model_validate_json((folder / "in" / "request.json").read_bytes())
    (folder / "out").mkdir(exist_ok=True)
    run_job(request, folder, heard, stop or Stop())
    return heard


def of_kind(heard: Heard, kind: type[E]) -> list[E]:
    """The events of one kind, in order."""
    return [event for event in heard.events if isinstance(event, kind)]
