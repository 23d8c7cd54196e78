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


RUNS = ("teacher", "student", "control")


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


def test_a_task_is_shown_by_its_own_figures_the_main_one_first() -> None:
    run = {name: value for name, value in RUN.items() if name != "accuracy"}
    run = {"mae": 1234.5, **run, "r2": 0.875}

    lines = shown(tables.results(RESULT | dict.fromkeys(RUNS, run) | {"main_figure": "r2"})).splitlines()

    assert lines[1].split() == ["r2", "0.875", "0.875", "0.875"]
    assert lines[2].split() == ["mae", "1,234", "1,234", "1,234"]
    assert not any(line.startswith("accuracy") for line in lines)


def test_several_seeds_are_listed_and_the_one_that_ships_is_marked() -> None:
    seeds = [
        {"seed": 0, "student": 0.8, "control": None, "shipped": False},
        {"seed": 1, "student": 0.9, "control": None, "shipped": True},
    ]

    lines = [line.split() for line in shown(tables.results(RESULT | {"seeds": seeds})).splitlines()]

    assert ["0", "0.800", "-"] in lines
    assert ["1", "0.900", "-", "shipped"] in lines


def test_the_second_control_and_the_flips_are_shown_where_there_are_any() -> None:
    more = {
        "controls": {"teacher_argmax": RUN},
        "gain_over_teacher_argmax": {"value": 0.05, "low": 0.01, "high": 0.09},
        "flips": {"teacher_right_student_wrong": 12, "student_right_teacher_wrong": 3, "examples": []},
    }

    text = shown(tables.results(RESULT | more))

    assert "+0.050  (+0.010 to +0.090)" in text
    assert "teacher right, student wrong" in text
    assert "top class" not in shown(tables.results(RESULT))


def test_a_failed_job_says_where_and_why_and_what_to_do() -> None:
    job: Job = {
        "id": "job_1",
        "name": "digits",
        "status": "failed",
        "created_at": "2026-01-01T00:00:00Z",
        "error": {
            "class": "user",
            "message": "the labels differ",
            "hint": "register the dataset again",
            "pointer": "/teacher",
        },
    }

    text = shown(tables.job(job))

    assert "user at /teacher: the labels differ" in text
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
