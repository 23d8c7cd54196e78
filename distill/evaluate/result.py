"""The `result` of a job, as the contract words it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from distill.config.tasks import Task
from distill.evaluate.flips import flips
from distill.evaluate.intervals import Rivals, comparisons, intervals_note, resample
from distill.evaluate.measure import Measured, Rows
from distill.evaluate.seeds import SeedOfJob
from distill.history import History
from distill.runs import CONTROL_OF_TOP_CLASS, TOP_CLASS
from distill.study import Trained
from distill.tasks.science import Scores

SWITCHED_OFF = "the control was switched off"
NO_LABELS = "there are no labels that a control could learn from without the teacher"


@dataclass(frozen=True)
class Evaluated:
    """Everything that was measured on test."""

    task: Task
    measured: Mapping[str, Measured]
    """By their names in the result."""
    rows: Rows
    source_rows: Tensor
    """int64 (n,): the examples as the source numbers them."""
    train_labels: Tensor
    """Of the labeled rows of train, in the units of the dataset."""
    seeds: Sequence[SeedOfJob]
    between: Sequence[str]
    """Runs that stood between teacher and student: assistants and generations."""


def comparison(found: Evaluated, *, seed: int) -> dict[str, Any]:
    """The figures of teacher, student and controls, and what they say side by side."""
    rows, measured, science = found.rows, found.measured, found.rows.science
    teacher, student, control = (measured.get(run) for run in ("teacher", "student", "control"))
    assert teacher is not None
    assert student is not None
    argmax = measured.get(CONTROL_OF_TOP_CLASS)
    rivals = Rivals(
        _of_seeds(found, "teacher") or [teacher.scores],
        _of_seeds(found, "student") or [student.scores],
        _of_seeds(found, "control"),
        _of_seeds(found, CONTROL_OF_TOP_CLASS),
    )
    no_control = NO_LABELS if science.target == "embedding" else SWITCHED_OFF
    judged = (student.outputs[rows.labeled], teacher.outputs[rows.labeled])
    return {
        "task": found.task,
        "main_figure": science.main_figure,
        "teacher": teacher.figures,
        "student": student.figures,
        "control": control and control.figures,
        "controls": {TOP_CLASS: argmax.figures} if argmax else {},
        "between": {run: measured[run].figures for run in found.between},
        **science.baseline(rows.labels[rows.labeled], found.train_labels),
        "agreement": agreement(*judged, rows),
        "kl_divergence": science.kl_divergence(*judged),
        "flips": flips(student.outputs, teacher.outputs, rows, found.source_rows),
        **comparisons(resample(rivals, seed=seed), no_control=no_control),
        "intervals_note": intervals_note(len(found.seeds)),
        "seeds": [_of_seed(found, each) for each in found.seeds],
    }


def agreement(one: Tensor, other: Tensor, rows: Rows) -> float | None:
    """The share of rows on which both name the same; None where the target is no choice among names."""
    if rows.science.choices(one) is None:
        return None
    return rows.science.alike(one, other).double().mean().item()


def updates_to_control(
    history: History, student: str, control: Trained | None, main_figure: str
) -> int | None:
    """Updates after which the run `student` had reached the control's last validation figure."""
    if control is None:
        return None
    curve = history.curve(student, f"validation.{main_figure}")
    return next((step for step, figure in curve if figure >= control.validation), None)


def _of_seeds(found: Evaluated, kind: str) -> list[Scores] | None:
    """The scores of each seed's run of that kind; None where not every seed has one."""
    runs = [found.measured.get(each.name(kind)) for each in found.seeds]
    scores = [run.scores for run in runs if run is not None]
    return scores if len(scores) == len(runs) else None


def _of_seed(found: Evaluated, each: SeedOfJob) -> dict[str, Any]:
    """The main figures of one seed."""

    def main(kind: str) -> float | None:
        run = found.measured.get(each.name(kind))
        return None if run is None else float(run.figures[found.rows.science.main_figure])

    entry = {"seed": each.seed, "run": each.run("student"), "shipped": each.ships}
    entry |= {"student": main("student"), "control": main("control")}
    if each.name(CONTROL_OF_TOP_CLASS) in found.measured:
        entry[TOP_CLASS] = main(CONTROL_OF_TOP_CLASS)
    return entry


def compression(teacher: dict[str, Any], student: dict[str, Any]) -> dict[str, float | None]:
    """How many times smaller and quicker the student is; quicker than what was not timed, None."""
    timed = teacher["latency_ms"] and student["latency_ms"]
    return {
        "parameters": teacher["parameters"] / student["parameters"],
        "size": teacher["size_bytes"] / student["size_bytes"],
        "speedup": teacher["latency_ms"]["p50"] / student["latency_ms"]["p50"] if timed else None,
    }
