"""Job documents on the digits, and how to run a job until nothing trains any more."""

from pathlib import Path
from typing import Any

import pytest

from distill.channel import StopAsked
from distill.config.events import Event, PhaseChanged
from tests.distill.folders import Heard, Stop, run

QUICK: dict[str, Any] = {
    "epochs": 15,
    "batch_size": 64,
    "optimizer": {"kind": "adamw", "learning_rate": 3e-3},
}
DOCUMENT: dict[str, Any] = {
    "name": "digits",
    "task": "image-classification",
    "teacher": {"train": {"architecture": "mlp", "config": {"depth": 3, "width": 128}, "training": QUICK}},
    "dataset": "digits",
    "labels": {"count": 50},
    "student": {"architecture": "mlp", "config": {"depth": 2, "width": 32}},
    "training": QUICK | {"epochs": 40},
}


def small(**changes: Any) -> dict[str, Any]:
    """The same job with a few updates alone."""
    few = {"steps": 8, "batch_size": 32}
    return (
        DOCUMENT
        | {
            "teacher": {"train": {"architecture": "mlp", "config": {"depth": 2}, "training": few}},
            "training": few,
        }
        | changes
    )


def trained_until_evaluation(folder: Path) -> Heard:
    """Everything that trains; the rest is proved elsewhere."""

    class Hears(Heard):
        def send(self, event: Event) -> None:
            super().send(event)
            stop.now = event == PhaseChanged(name="training_control", status="done")

    stop, heard = Stop(), Hears()
    with pytest.raises(StopAsked):
        run(folder, stop=stop, heard=heard)
    return heard
