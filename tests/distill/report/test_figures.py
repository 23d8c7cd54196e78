from typing import Any

import pytest

from distill.report.curves import thinned
from distill.report.figures import table


@pytest.mark.parametrize("length", [0, 1, 199, 200, 201, 5003])
def test_a_thinned_curve_is_short_and_ends_where_the_curve_ends(length: int) -> None:
    points = [(step, float(step)) for step in range(length)]

    few = thinned(points)

    assert len(few) <= 200
    assert few == sorted(few)
    assert few[-1:] == points[-1:]


def figures(r2: float, *, timed: bool = True) -> dict[str, Any]:
    return {
        "r2": r2,
        "per_output": [{"label": "price", "r2": r2}],
        "parameters": 10,
        "labels_used": None,
        "file": "student.safetensors",
        "latency_ms": {"p50": 0.1, "p95": 0.2} if timed else None,
    }


def test_the_table_has_the_figures_of_the_task_and_a_column_for_each_network() -> None:
    result = {
        "teacher": figures(0.9),
        "student": figures(0.8),
        "control": None,
        "controls": {"teacher_argmax": figures(0.7, timed=False)},
        "between": {"assistant": figures(0.85, timed=False)},
    }

    rows = {row.pop("figure"): row for row in table(result)}

    assert list(rows) == ["r2", "parameters", "labels_used", "latency_ms.p50", "latency_ms.p95"]
    more = ("control.teacher_argmax", "assistant")
    assert rows["r2"] == {"teacher": 0.9, "student": 0.8, more[0]: 0.7, more[1]: 0.85}
    assert rows["latency_ms.p95"] == {"teacher": 0.2, "student": 0.2, more[0]: None, more[1]: None}
