"""The report as Markdown, and the words that all renderings use."""

from typing import Any

import pytest

from api.report.losses import details, weight
from api.report.markdown import markdown
from api.report.subject import Subject
from tests.api.seeds import REPORT, RESULT


def rendered(*, stages: list[dict[str, Any]] | None = None, **result: Any) -> str:
    report = REPORT | {"result": RESULT | result} | ({"stages": stages} if stages else {})
    return markdown(report, Subject("job_1"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (0.9, "0.9"),
        ({"kind": "linear", "start": 1.0, "end": 0.1, "over": 1.0}, "from 1 to 0.1 in a straight line"),
        (
            {"kind": "cosine", "start": 8.0, "end": 1.0, "over": 0.5},
            "from 8 to 1 along a cosine over the first 50% of the updates",
        ),
        ({"kind": "warmup", "value": 2.0, "epochs": 20.0, "steps": None}, "2 after a warm-up of 20 epochs"),
        ({"kind": "warmup", "value": 2.0, "epochs": None, "steps": 9}, "2 after a warm-up of 9 updates"),
        ({"kind": "auto", "share": 0.25}, "auto: 25% of the gradient"),
    ],
)
def test_a_weight_is_told_in_words(given: Any, said: str):
    assert weight(given) == said


def test_a_loss_tells_its_temperature_its_settings_and_its_layers():
    loss = {
        "kind": "hint",
        "weight": 1.0,
        "temperature": {"kind": "linear", "start": 4.0, "end": 1.0, "over": 1.0},
        "beta": 8.0,
        "relation_heads": None,
        "layers": [{"student": "layers.0", "teacher": "layers.2"}],
    }

    assert details(loss) == "temperature from 4 to 1 in a straight line; beta 8.0; layers.0 from layers.2"


def test_each_stage_has_its_losses_and_its_length():
    stages = [
        {"name": "hints", "losses": [{"kind": "hint", "weight": 1.0}], "training": {"steps": 1200}},
        {
            "name": "logits",
            "losses": [{"kind": "dist", "weight": 2.0}],
            "training": {"epochs": 3},
            "quantize": "int8",
        },
    ]

    hints, logits = rendered(stages=stages).split("## Losses")[1].split("### logits")

    assert "### hints" in hints
    assert "1,200 updates." in hints
    assert "| dist | 2 |" in logits
    assert "3 epochs, rounded as int8, where that is needed." in logits


def test_a_job_without_a_control_says_why_nothing_is_known_about_help():
    nothing = {"value": None, "low": None, "high": None, "reason": "there are no labels"}

    text = rendered(distillation="not_measured", gain=nothing, gap_closed=nothing)

    assert "**Whether distillation helped was not measured: there are no labels.**" in text


def test_several_seeds_are_listed_and_one_is_not():
    seeds = [
        {"seed": 1234, "student": 0.8, "control": 0.7, "shipped": False},
        {"seed": 1235, "student": 0.9, "control": 0.7, "shipped": True},
    ]

    assert "| 1235 | 0.9 | 0.7 | yes |" in rendered(seeds=seeds, main_figure="accuracy")
    assert "## Seeds" not in rendered(seeds=seeds[:1], main_figure="accuracy")


def test_the_worst_flips_are_shown_with_their_place():
    example = {"row": 7, "word": 2, "label": ["a", "b"], "teacher": ["a"], "student": [], "confidence": 0.75}
    flips = {"teacher_right_student_wrong": 1200, "student_right_teacher_wrong": 3, "examples": [example]}

    text = rendered(flips=flips)

    assert "the student wrong 1,200 times" in text
    assert "| 7, word 2 | a, b | a | none | 0.75 |" in text


def test_the_mean_baseline_of_a_task_without_classes_is_shown():
    without = {
        name: value for name, value in RESULT.items() if name not in ("majority_baseline", "agreement")
    }
    text = markdown(REPORT | {"result": without | {"mean_baseline": 0.125}}, Subject("job_1"))

    assert "| Mean baseline | 0.125 |" in text
    assert "Majority" not in text
    assert "Agreement" not in text
