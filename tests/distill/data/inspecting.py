"""Inspect bytes as a dataset, as a worker would have it done."""

from pathlib import Path
from typing import Any

from distill.config.events import DatasetInspected, Event
from distill.config.folder import InspectDataset
from distill.data.opened import SplitData, open_split
from distill.inspect.dataset import inspect_dataset


class Heard:
    """Keeps the last event."""

    last: Event

    def send(self, event: Event) -> None:
        self.last = event


def inspected(
    folder: Path, upload: bytes | None, filename: str = "data.csv", **request: Any
) -> DatasetInspected:
    """The answer to an upload; its files are in `folder/out`."""
    (folder / "in").mkdir(parents=True)
    (folder / "out").mkdir()
    if upload is not None:
        (folder / "in" / "upload").write_bytes(upload)
    heard = Heard()
    inspect_dataset(InspectDataset(filename=filename, **request), folder, heard)
    assert isinstance(heard.last, DatasetInspected)
    return heard.last


def opened(folder: Path, answer: DatasetInspected) -> dict[str, SplitData]:
    """Every split that the inspection wrote."""
    return {
        name: open_split(folder / "out", split, answer.dataset)
        for name, split in answer.dataset.splits.items()
    }
