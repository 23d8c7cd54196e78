"""What the student gains where labels are few: against both controls, and in time.

One job a seed and a share of the labels. Each seed draws a labeled subset of its own; nothing is
chosen by any figure: length, losses and networks are fixed beforehand, and the last weights count.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from benchmarks.teaches.data import prepared
from benchmarks.teaches.jobs import Outcome, outcome
from benchmarks.teaches.students import RECOMMENDED, document
from benchmarks.teaches.tables import percent, spread, table
from benchmarks.teaches.teachers import teacher_of

SETS = ("images", "table", "text")
FRACTIONS = (1.0, 0.1, 0.01)
SEEDS = (0, 1, 2)
T_OF_TWO_DEGREES = 4.303
"""Student's t: 97.5 % of the mean of three seeds lies below so many standard errors."""


@dataclass(frozen=True)
class Cell:
    """The jobs of one set and one share of the labels, a seed each."""

    data: str
    fraction: float
    jobs: list[Outcome]

    def figures(self, *path: str) -> list[float]:
        """One figure of the result of each job."""
        return [_at(job.result, path) for job in self.jobs]

    def gains(self, over: str) -> list[float]:
        """The student's accuracy less that of a control, seed by seed."""
        pairs = zip(self.figures("student", "accuracy"), self.figures(*_CONTROLS[over]), strict=True)
        return [student - control for student, control in pairs]


_CONTROLS = {
    "hard_labels": ("control", "accuracy"),
    "teacher_argmax": ("controls", "teacher_argmax", "accuracy"),
}


def cells(work: Path, sets: tuple[str, ...] = SETS) -> Iterator[Cell]:
    """Every cell of the tables, its jobs run where they have not yet."""
    for name in sets:
        data = prepared(name, work)
        teacher = teacher_of(data, work)
        for fraction in FRACTIONS:
            jobs = [
                outcome(
                    work / "few_labels" / f"{name}-{fraction:g}-{seed}",
                    document(data, RECOMMENDED, fraction=fraction, seed=seed),
                    data,
                    teacher,
                )
                for seed in SEEDS
            ]
            yield Cell(name, fraction, jobs)


def sets(work: Path) -> str:
    """What is learned, by whom and from whom; parameters, and multiplications and additions of one answer."""
    rows = []
    for name in SETS:
        data = prepared(name, work)
        result = next(cells(work, (name,))).jobs[0].result
        teacher, student = result["teacher"], result["student"]
        rows.append(
            [
                name,
                " / ".join(f"{split.examples:,}" for split in data.dataset.splits.values()),
                f"{len(data.dataset.labels)}",
                percent(result["majority_baseline"]),
                *(f"{network['parameters']:,}" for network in (teacher, student)),
                *(f"{network['macs']:,}" for network in (teacher, student)),
                f"{result['compression']['speedup']:.1f}",
            ]
        )
    heads = ["set", "train / validation / test", "classes", "majority", "teacher's parameters", "student's"]
    return table([*heads, "teacher's MACs", "student's", "times quicker"], rows)


def gains(work: Path) -> str:
    """Accuracy on test, mean and standard deviation of the seeds; a gain with its 95 % interval."""
    rows = []
    for cell in cells(work):
        student, control = cell.figures("student", "accuracy"), cell.figures("control", "accuracy")
        teacher = cell.figures("teacher", "accuracy")[0]
        rows.append(
            [
                cell.data,
                percent(cell.fraction, digits=0),
                f"{int(cell.figures('student', 'labels_used')[0]):,}",
                percent(teacher),
                spread(student),
                spread(control),
                spread(cell.figures(*_CONTROLS["teacher_argmax"])),
                with_interval(cell.gains("hard_labels")),
                with_interval(cell.gains("teacher_argmax")),
                percent((mean(student) - mean(control)) / (teacher - mean(control)), digits=0),
            ]
        )
    heads = ["set", "labels", "count", "teacher", "student", "control", "teacher_argmax"]
    return table([*heads, "gain over control", "gain over argmax", "gap closed"], rows)


def pace(work: Path) -> str:
    """How soon the student passes the control's final validation figure; means over the seeds."""
    rows = []
    for cell in cells(work):
        reached = [job.result["updates_to_control"] for job in cell.jobs]
        updates = cell.jobs[0].curve("control", "validation.accuracy")[-1][0]
        seconds = [_seconds(job, "control", updates) for job in cell.jobs]
        learned = [
            _seconds(job, "student", update) for job, update in zip(cell.jobs, reached, strict=True) if update
        ]
        asked = mean(job.seconds_of("caching_teacher") for job in cell.jobs)
        passed = [update for update in reached if update]
        rows.append(
            [
                cell.data,
                percent(cell.fraction, digits=0),
                f"{updates:,}",
                f"{len(passed)} of {len(reached)}",
                f"{mean(passed):,.0f}" if passed else "never",
                percent(mean(passed) / updates, digits=0) if passed else "",
                f"{mean(seconds):.1f}",
                f"{mean(learned):.1f}" if learned else "",
                f"{mean(learned) + asked:.1f}" if learned else "",
            ]
        )
    heads = ["set", "labels", "updates of the control", "seeds that pass", "updates to pass", "share"]
    return table([*heads, "control, s", "student to pass, s", "with asking the teacher, s"], rows)


def with_interval(values: list[float]) -> str:
    """Mean of the seeds in points, and what Student's t says of it."""
    half = T_OF_TWO_DEGREES * stdev(values) / len(values) ** 0.5
    return (
        f"{100 * mean(values):+.1f} [{100 * (mean(values) - half):+.1f}, {100 * (mean(values) + half):+.1f}]"
    )


def _seconds(job: Outcome, run: str, update: int) -> float:
    """From the first update of a run to the validation after `update`."""
    curve = job.curve(run, "validation.accuracy")
    began = min(time for _, time, _ in job.curve(run, "train.loss.total"))
    return next(time for step, time, _ in curve if step >= update) - began


def _at(result: dict[str, object], path: tuple[str, ...]) -> float:
    value: object = result
    for key in path:
        assert isinstance(value, dict)
        value = value[key]
    assert isinstance(value, int | float)
    return float(value)
