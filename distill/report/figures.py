"""Teacher, student and controls side by side."""

from collections.abc import Collection, Mapping
from typing import Any

from distill.evaluate.intervals import Rivals, interval, resample
from distill.evaluate.measure import Measured
from distill.runs import CONTROL_OF_TOP_CLASS


def table(result: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a figure, those of the task first, and one column a network."""
    columns = {
        **{run: result[run] for run in ("teacher", "student", "control") if result[run] is not None},
        **{f"control.{name}": figures for name, figures in result["controls"].items()},
        **result["between"],
    }
    rows = [
        {"figure": figure, **{run: figures.get(figure) for run, figures in columns.items()}}
        for figure, value in result["student"].items()
        if isinstance(value, int | float | None)
    ]
    for quantile in ("p50", "p95"):
        times = {run: (figures["latency_ms"] or {}).get(quantile) for run, figures in columns.items()}
        rows.append({"figure": f"latency_ms.{quantile}", **times})
    return rows


def main_figures(
    measured: Mapping[str, Measured], *, incumbents: Collection[str] = (), seed: int
) -> dict[str, dict[str, float]]:
    """The main figure, `{value, low, high}`, of teacher, student and controls, each of the network that is
    shown alone; and of the models beside which gates put the student, by their ids."""
    control, argmax = measured.get("control"), measured.get(CONTROL_OF_TOP_CLASS)
    sample = resample(
        Rivals(
            [measured["teacher"].scores],
            [measured["student"].scores],
            [control.scores] if control else None,
            [argmax.scores] if argmax else None,
        ),
        seed=seed,
    )
    figures = {
        "teacher": sample.teacher,
        "student": sample.student,
        "control": sample.control,
        CONTROL_OF_TOP_CLASS: sample.argmax,
    }
    for model in incumbents:
        scores = [measured[model].scores]
        figures[model] = resample(Rivals(scores, scores), seed=seed).student
    return {run: interval(each) for run, each in figures.items() if each is not None}
