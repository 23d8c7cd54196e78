"""Run subjects side by side: in turns where they are timed, all at once where they answer."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from distill.evaluate.cost import Times
from distill.proof.process import ANSWER_S, CALLS_S, START_S, Outside, RefusedToRun
from distill.proof.subjects import Setting, Subject

LEAST_ROUNDS, MOST_ROUNDS = 20, 60
BUDGET_S = 4.0
ROUND_MS, MOST_CALLS = 20.0, 5
"""A round is about so long; in it each has as many calls as the others, at most so many."""
Heed = Callable[[], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Shown:
    """What one subject did outside."""

    runtime: str
    peak_memory_bytes: int | None
    """After it had been called, before it was shown more than the stated number of examples at once."""
    times: Times | None = None
    """Of its calls, turn by turn; None where it was not timed."""
    outputs: Tensor | None = None
    """float32 (rows, outputs); None where it was only timed."""


Proof = Mapping[str, Shown | RefusedToRun]
"""By the names of the subjects."""


def prove(
    subjects: Sequence[Subject], setting: Setting, *, outputs: int, timed: bool, heed: Heed, scratch: Path
) -> Proof:
    """Run each subject in a process of its own, and take their times in turns where `timed` says so.

    A subject that refuses at any point is out, and the others go on. `outputs` is how many there are of
    each row. `heed` is called while waiting; what it raises ends every process.
    """
    with _started(subjects, setting, heed, scratch) as bench:
        bench.open()
        if timed:
            bench.time()
        bench.answer({subject.name for subject in subjects if subject.answers}, outputs)
        return bench.proof()


@contextmanager
def _started(subjects: Sequence[Subject], setting: Setting, heed: Heed, scratch: Path) -> Iterator["_Bench"]:
    with tempfile.TemporaryDirectory(dir=scratch) as place, ExitStack() as stack:
        processes = {
            subject.name: stack.enter_context(
                Outside(setting.request(subject), Path(place) / subject.name, heed)
            )
            for subject in subjects
        }
        yield _Bench(processes, Path(place))


class _Bench:
    """Processes that run at the same time."""

    def __init__(self, processes: Mapping[str, Outside], place: Path) -> None:
        self._standing = dict(processes)
        self._place = place
        self._shown: dict[str, Shown | RefusedToRun] = {}
        self._typical_ms: dict[str, float] = {}

    def open(self) -> None:
        """Wait until each has opened its network."""
        for name, said in self._each(lambda _, process: process.hear(within_s=START_S)).items():
            self._shown[name] = Shown(said["runtime"], said["peak_memory_bytes"])
            self._typical_ms[name] = said["ms"]

    def time(self) -> None:
        """Round by round, each has its turn; every other round in the opposite order, so that nobody
        always follows the same one."""
        round_ms = max(sum(self._typical_ms[name] for name in self._standing), 1e-3)
        calls = max(1, min(MOST_CALLS, int(ROUND_MS / round_ms)))
        rounds = max(LEAST_ROUNDS, min(MOST_ROUNDS, int(BUDGET_S * 1000 / (round_ms * (calls + 1)))))

        def turn(_: str, process: Outside) -> dict[str, Any]:
            process.tell(f"time {calls}")
            return process.hear(within_s=CALLS_S)

        taken: dict[str, list[tuple[float, ...]]] = {name: [] for name in self._standing}
        peaks: dict[str, int | None] = {}
        for _ in range(rounds):
            for name, said in self._each(turn).items():
                taken[name].append(tuple(said["ms"]))
                peaks[name] = said["peak_memory_bytes"]
            self._standing = dict(reversed(self._standing.items()))
        for name in self._standing:
            self._shown[name] = replace(
                self._found(name), peak_memory_bytes=peaks[name], times=Times(tuple(taken[name]))
            )

    def answer(self, names: set[str], outputs: int) -> None:
        """Show these the whole split, all at once; the others end."""
        for name in set(self._standing) - names:
            self._standing.pop(name).end()
        files = {name: self._place / f"{name}.outputs" for name in self._standing}
        self._each(lambda name, process: process.tell(f"answer {files[name]}"))
        heard = self._each(lambda _, process: process.hear(within_s=ANSWER_S))
        for name, said in heard.items():
            self._shown[name] = _with_outputs(self._found(name), files[name], said["rows"], outputs)

    def proof(self) -> Proof:
        return self._shown

    def _found(self, name: str) -> Shown:
        shown = self._shown[name]
        assert isinstance(shown, Shown)
        return shown

    def _each(self, act: Callable[[str, Outside], T]) -> dict[str, T]:
        """What `act` gives for each that still stands; one that refuses is out."""
        given = {}
        for name, process in list(self._standing.items()):
            try:
                given[name] = act(name, process)
            except RefusedToRun as refusal:
                self._shown[name] = refusal
                self._standing.pop(name).end()
        return given


def _with_outputs(shown: Shown, file: Path, rows: int, outputs: int) -> Shown | RefusedToRun:
    found = torch.frombuffer(bytearray(file.read_bytes()), dtype=torch.float32)
    if len(found) != rows * outputs:
        return RefusedToRun(f"it gave {len(found)} numbers for {rows} rows of {outputs} outputs")
    return replace(shown, outputs=found.view(rows, outputs))
