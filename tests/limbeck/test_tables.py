from typing import Any

from rich.console import Console

from limbeck import tables
from limbeck.objects import Job, Plan

RUN = {
    "accuracy": 0.985,
    "parameters": 1442,
    "size_bytes": 7144,
    "labels_used": 100,
    "latency_ms": {"p50": 0.153},
}
RESULT: dict[str, Any] = {
    "teacher": RUN,
    "student": RUN,
    "control": RUN,
    "distillation": "no_difference",
    "gain": {"value": 0.104, "low": -0.071, "high": 0.142},
    "gap_closed": {"value": None, "low": None, "high": None, "reason": "there is no gap"},
    "retention": {"value": 0.992, "low": 0.981, "high": 1.0},
    "agreement": 0.993,
    "warnings": [{"code": "slow_machine", "message": "the latency is uncertain"}],
}


def shown(renderable: Any) -> str:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


def test_figures_come_with_their_intervals_or_the_reason_why_not() -> None:
    text = shown(tables.results(RESULT))

    assert "+0.104  (-0.071 to +0.142)" in text
    assert "0.992  (0.981 to 1.000)" in text
    assert "none: there is no gap" in text
    assert "no difference" in text
    assert "warning: the latency is uncertain" in text


def test_without_a_control_there_is_no_column_of_it() -> None:
    text = shown(tables.results(RESULT | {"control": None, "gain": None}))

    assert "control" not in text.splitlines()[0]
    assert "not measured" in text


def test_a_failed_job_says_why_and_what_to_do() -> None:
    job: Job = {
        "id": "job_1",
        "name": "digits",
        "status": "failed",
        "created_at": "2026-01-01T00:00:00Z",
        "error": {"class": "user", "message": "the labels differ", "hint": "register the dataset again"},
    }

    text = shown(tables.job(job))

    assert "user: the labels differ" in text
    assert "register the dataset again" in text


def test_a_plan_shows_which_layers_each_term_compares() -> None:
    pairs = [
        {"student": "features.0", "teacher": "layer1"},
        {"student": "features.3", "teacher": "layer2"},
    ]
    losses = [{"kind": "soft_target"}, {"kind": "attention_transfer", "layers": pairs}]
    plan: Plan = {"fits_memory": True, "resolved_spec": {"stages": [{"name": "hints", "losses": losses}]}}

    text = shown(tables.plan(plan))

    assert "hints: attention transfer  features.0 with layer1, features.3 with layer2" in text
