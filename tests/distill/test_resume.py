"""A run that was stopped and resumed, however often, is the run that was never stopped."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from distill.channel import StopAsked
from distill.checkpoint import State, read_checkpoint
from distill.config.events import CheckpointWritten, Event, Finished, Measured, Phase, PhaseChanged
from distill.config.exports import Export
from distill.export.source import Source
from tests.distill.conftest import Inspected
from tests.distill.folders import Heard, Stop, of_kind, run, stage
from tests.distill.jobs import small
from tests.distill.stopped import DOCUMENT, KINDS


class StopsBeforeTheEvaluation(Heard):
    """Wishes to stop when the last training phase is over: the rest does not train."""

    def __init__(self, stop: Stop) -> None:
        super().__init__()
        self._stop = stop

    def send(self, event: Event) -> None:
        super().send(event)
        if event == PhaseChanged(name="training_control", status="done"):
            self._stop.now = True


def all_the_same(export: Export, source: Source, inputs: Tensor) -> Tensor:
    """In place of a file of 8 bits, one that is much worse: whatever it sees is the first class."""
    return torch.eye(source.network.num_outputs)[torch.zeros(len(inputs), dtype=torch.int64)]


@pytest.fixture(scope="module", autouse=True)
def coarse_files() -> Iterator[None]:
    """The true ones, each of which takes seconds to make, are looked at in test_int8_cost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("distill.int8_cost.int8_outputs", all_the_same)
        yield


@dataclass(frozen=True)
class Trained:
    checkpoint: State
    stops: int
    measured: list[Measured]


def train_with_stops(
    folder: Path, digits: Inspected, looks: list[int], document: dict[str, Any] = DOCUMENT
) -> Trained:
    """Run to the end of training, stopped after each number of looks at the stop line."""
    checkpoint, heard_before = None, []
    for number, patience in enumerate([*looks, None]):
        place = stage(
            folder / f"attempt-{number}", document, digits.dataset, digits.splits, checkpoint=checkpoint
        )
        stop = Stop(looks=patience)
        heard = StopsBeforeTheEvaluation(stop)
        with pytest.raises(StopAsked):
            run(place, stop=stop, heard=heard)
        written = of_kind(heard, CheckpointWritten)
        checkpoint = place / written[-1].path if written else checkpoint
        heard_before += of_kind(heard, Measured)
        if PhaseChanged(name="training_control", status="done") in heard.events:
            break
    assert checkpoint is not None
    return Trained(read_checkpoint(checkpoint), number, heard_before)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, digits: Inspected) -> dict[str, Trained]:
    """Each kind of job, never stopped."""
    torch.set_num_threads(1)
    return {
        kind: train_with_stops(tmp_path_factory.mktemp("unbroken"), digits, [], DOCUMENT | changes)
        for kind, changes in KINDS.items()
    }


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(looks=st.lists(st.integers(2, 90), min_size=1, max_size=5))
def test_a_job_stopped_anywhere_trains_the_same_networks_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory,
    digits: Inspected,
    unbroken: dict[str, Trained],
    kind: str,
    looks: list[int],
) -> None:
    whole = unbroken[kind].checkpoint

    broken = train_with_stops(
        tmp_path_factory.mktemp("broken"), digits, looks, DOCUMENT | KINDS[kind]
    ).checkpoint

    spent, spent_whole = broken.facts.pop("spent"), whole.facts["spent"]
    assert spent["examples"] == spent_whole["examples"]
    assert broken.facts == {name: fact for name, fact in whole.facts.items() if name != "spent"}
    assert broken.tensors.keys() == whole.tensors.keys()
    for name, tensor in whole.tensors.items():
        if name != "history/time":
            assert broken.tensors[name].equal(tensor), name


@pytest.mark.parametrize(
    ("kind", "runs"),
    [
        ("one stage", {"teacher", "student", "control"}),
        (
            "gathered",
            {
                "teacher",
                *(f"{run}{seed}" for run in ("student", "control") for seed in ("", ".seed2")),
                *(f"control.teacher_argmax{seed}" for seed in ("", ".seed2")),
            },
        ),
        ("mutual", {f"{run}{seed}" for run in ("teacher", "student", "control") for seed in ("", ".seed2")}),
        ("by an assistant", {"teacher", "assistant", "student", "control"}),
        ("of itself", {"teacher", "generation1", "student", "control"}),
    ],
)
def test_a_job_trains_every_network_that_it_needs(
    unbroken: dict[str, Trained], kind: str, runs: set[str]
) -> None:
    assert set(unbroken[kind].checkpoint.facts["finished"]) == runs


@pytest.mark.parametrize(("kind", "rounded_updates"), [("rounded", 20), ("not rounded", 0)])
def test_every_seed_and_every_control_does_as_the_first_student_did(
    unbroken: dict[str, Trained], kind: str, rounded_updates: int
) -> None:
    facts = unbroken[kind].checkpoint.facts
    steps = {run: finished["stage_steps"] for run, finished in facts["finished"].items()}

    assert facts["found"]["quantization"]["needed"] == (rounded_updates > 0)
    assert len(steps) == 7
    assert all(of_run == [30, rounded_updates, 4] for run, of_run in steps.items() if run != "teacher")


def test_the_events_of_a_resumed_job_repeat_no_figure_with_another_value(
    tmp_path: Path, digits: Inspected, unbroken: dict[str, Trained]
) -> None:
    broken = train_with_stops(tmp_path, digits, [20, 25])

    def rows(trained: Trained) -> dict[tuple[str, int, str], float]:
        return {
            (event.run, event.step, name): value
            for event in trained.measured
            for name, value in event.values.items()
        }

    assert broken.stops == 2
    assert rows(broken) == rows(unbroken["one stage"])


def test_a_checkpoint_of_another_job_is_not_used(tmp_path: Path, digits: Inspected) -> None:
    first = Stop()
    heard = StopsBeforeTheEvaluation(first)
    place = stage(tmp_path / "one", DOCUMENT, digits.dataset, digits.splits)
    with pytest.raises(StopAsked):
        run(place, stop=first, heard=heard)
    written = place / of_kind(heard, CheckpointWritten)[-1].path

    other = DOCUMENT | {"labels": {"count": 61}}
    second = Stop()
    heard = StopsBeforeTheEvaluation(second)
    place = stage(tmp_path / "two", other, digits.dataset, digits.splits, checkpoint=written)
    with pytest.raises(StopAsked):
        run(place, stop=second, heard=heard)

    assert any(getattr(event, "code", None) == "checkpoint_foreign" for event in heard.events)
    assert PhaseChanged(name="training_teacher", status="running") in heard.events


def test_a_damaged_checkpoint_begins_the_job_anew_and_says_so(tmp_path: Path, digits: Inspected) -> None:
    (tmp_path / "damaged").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{}")
    stop = Stop()
    heard = StopsBeforeTheEvaluation(stop)
    place = stage(tmp_path / "job", DOCUMENT, digits.dataset, digits.splits, checkpoint=tmp_path / "damaged")

    with pytest.raises(StopAsked):
        run(place, stop=stop, heard=heard)

    assert any(getattr(event, "code", None) == "checkpoint_unreadable" for event in heard.events)
    assert of_kind(heard, CheckpointWritten)


@pytest.mark.parametrize("phase", ["evaluating", "exporting", "verifying"])
def test_a_job_stopped_after_its_training_comes_to_the_same_result(
    tmp_path: Path, digits: Inspected, phase: Phase, whole: dict[str, Any]
) -> None:
    class StopsInThePhase(Heard):
        def send(self, event: Event) -> None:
            super().send(event)
            stop.now = stop.now or event == PhaseChanged(name=phase, status="running")

    stop, heard = Stop(), StopsInThePhase()
    first = stage(tmp_path / "first", small(), digits.dataset, digits.splits)
    with pytest.raises(StopAsked):
        run(first, stop=stop, heard=heard)
    written = first / of_kind(heard, CheckpointWritten)[-1].path

    second = run(stage(tmp_path / "second", small(), digits.dataset, digits.splits, checkpoint=written))

    assert not of_kind(second, Measured)
    assert without_times(of_kind(second, Finished)[-1].result) == without_times(whole)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, digits: Inspected) -> dict[str, Any]:
    """The result of the same job, never stopped."""
    torch.set_num_threads(1)
    folder = stage(tmp_path_factory.mktemp("whole") / "job", small(), digits.dataset, digits.splits)
    return of_kind(run(folder), Finished)[-1].result


def without_times(result: Any) -> Any:
    if not isinstance(result, dict):
        return result
    measured = ("latency", "latency_ms", "peak_memory_bytes", "speedup")
    return {key: without_times(value) for key, value in result.items() if key not in measured}
