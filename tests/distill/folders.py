"""Stage by hand what a worker stages: a folder in which `python -P -m distill run` works."""

import json
import shutil
from pathlib import Path
from typing import Any

from distill.config.document import parse_job
from distill.config.events import DatasetInspected, Event
from distill.config.folder import InspectDataset, RunJob
from distill.config.networks import Dataset, Network
from distill.inspect.dataset import inspect_dataset


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
    checkpoint: Path | None = None,
) -> Path:
    """Put a job's inputs where the training process looks for them."""
    inputs = folder / "in"
    (inputs / "dataset").mkdir(parents=True)
    for split in dataset.splits.values():
        shutil.copy(splits / split.file, inputs / "dataset" / split.file)
    if teacher_files is not None:
        shutil.copytree(teacher_files, inputs / "teacher")
    if checkpoint is not None:
        shutil.copy(checkpoint, inputs / "checkpoint")
    request = RunJob(
        document=parse_job(document), teacher=teacher, dataset=dataset, resume=checkpoint is not None
    )
    (inputs / "request.json").write_text(json.dumps(request.model_dump(mode="json")))
    return folder
