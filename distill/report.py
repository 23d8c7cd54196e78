"""`report.json`: what was asked, what came out, and the data of its pictures."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from distill.config.job import JobDocument, Stage
from distill.config.tasks import TASKS
from distill.history import History

POINTS_OF_A_CURVE = 200
TEMPERATURES = (1.0, 2.0, 4.0, 8.0, 16.0)


def report(
    document: JobDocument,
    course: Sequence[Stage],
    result: dict[str, Any],
    history: History,
    *,
    teacher_outputs: Tensor,
    labels: list[str],
    environment: dict[str, Any],
) -> dict[str, Any]:
    """Everything that the renderings of a report show. `result` is the contract's; `course` are the
    stages as they ran, every layer named."""
    has_classes = TASKS[document.task].target == "class"
    return {
        "version": 1,
        "asked": document.model_dump(mode="json"),
        "stages": [stage.model_dump(mode="json") for stage in course],
        "result": result,
        "table": table(result),
        "curves": [
            {"run": run, "name": name, "points": thinned(history.curve(run, name))}
            for run, name in history.names()
        ],
        "temperature": temperature_picture(teacher_outputs, labels) if has_classes else None,
        "environment": environment,
    }


def table(result: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a figure, those of the task first, and one column a network."""
    columns = {
        **{run: result[run] for run in ("teacher", "student", "control") if result[run] is not None},
        **{f"control.{name}": figures for name, figures in result["controls"].items()},
        **result["between"],
    }
    rows = [
        {"figure": figure, **{run: figures[figure] for run, figures in columns.items()}}
        for figure, value in result["student"].items()
        if isinstance(value, int | float | None)
    ]
    for quantile in ("p50", "p95"):
        times = {run: (figures["latency_ms"] or {}).get(quantile) for run, figures in columns.items()}
        rows.append({"figure": f"latency_ms.{quantile}", **times})
    return rows


def thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most `POINTS_OF_A_CURVE` points, the last among them."""
    every = -(-len(points) // POINTS_OF_A_CURVE)
    return points[::-1][::every][::-1] if every > 1 else points


def temperature_picture(teacher_NC: Tensor, labels: list[str]) -> dict[str, Any]:
    """How the teacher's word on one test example softens as the temperature rises.

    The example is the one on which the teacher's second class comes nearest to its first.
    """
    top = F.softmax(teacher_NC.double(), dim=-1).topk(2, dim=-1).values
    example = int((top[:, 0] - top[:, 1]).argmin())
    logits = teacher_NC[example].double()
    return {
        "example": example,
        "labels": labels,
        "temperatures": list(TEMPERATURES),
        "probabilities": torch.stack([F.softmax(logits / T, dim=-1) for T in TEMPERATURES]).tolist(),
    }
