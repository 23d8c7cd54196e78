"""What every report holds, of every task."""

import json
from typing import Any

import pytest

from distill.config.tasks import TASKS, Task
from tests.distill.report.made import EXAMPLES, Made


@pytest.fixture(params=list(TASKS))
def task(request: pytest.FixtureRequest) -> Task:
    found: Task = request.param
    return found


def test_every_task_has_a_report_that_is_small_and_plain_json(task: Task) -> None:
    report = Made(task).report()

    assert report["version"] == 2
    assert len(json.dumps(report)) < 100_000
    assert len(report["worst"]["examples"]) <= 20
    assert report["main_figures"]["student"]["low"] <= report["main_figures"]["student"]["value"]


@pytest.mark.parametrize(
    ("task", "there"),
    [
        ("image-classification", {"temperature", "per_name", "calibration", "confusion"}),
        ("token-classification", {"temperature", "per_name", "calibration", "confusion"}),
        ("multi-label-classification", {"temperature", "per_name", "calibration", "confusion"}),
        ("regression", {"per_name", "values"}),
        ("feature-extraction", {"values"}),
    ],
)
def test_a_task_has_the_pictures_that_its_answers_allow(task: Task, there: set[str]) -> None:
    report = Made(task).report()

    pictures = {"temperature", "per_name", "calibration", "confusion", "values"}
    assert {name for name in pictures if report[name] is not None} == there


def test_a_job_without_a_control_has_a_report() -> None:
    report = Made("tabular-classification", control=False).report()

    assert set(report["main_figures"]) == {"teacher", "student"}
    assert set(report["calibration"]) == {"teacher", "student"}
    assert "control" not in report["per_name"]["entries"][0]


def test_many_classes_are_told_by_those_that_the_student_kept_least() -> None:
    names = [f"class {number}" for number in range(50)]
    report = Made("tabular-classification", names).report()

    per_name, confusion = report["per_name"], report["confusion"]
    kept = [entry["retention"] for entry in per_name["entries"] if entry["retention"] is not None]
    assert (per_name["total"], len(per_name["entries"])) == (50, 40)
    assert kept == sorted(kept)
    assert "counts" not in confusion
    assert len(confusion["pairs"]) == 20


def test_the_confusion_counts_every_answer_once() -> None:
    confusion = Made("tabular-classification").report()["confusion"]

    assert sum(map(sum, confusion["counts"])) == EXAMPLES
    wrong = sum(
        count for row, line in enumerate(confusion["counts"]) for at, count in enumerate(line) if row != at
    )
    assert sum(pair["times"] for pair in confusion["pairs"]) == wrong


def test_a_bin_of_confidence_says_how_often_it_is_right() -> None:
    bins = Made("tabular-classification").report()["calibration"]["student"]

    assert sum(each["share"] for each in bins) == pytest.approx(1)
    assert all(0 <= each["accuracy"] <= 1 for each in bins)
    assert [each["confidence"] for each in bins] == sorted(each["confidence"] for each in bins)


def test_the_picture_of_temperature_is_softer_the_higher_it_is_and_of_an_example_the_teacher_knows() -> None:
    made = Made("image-classification")
    picture = made.report()["temperature"]

    row = picture["row"] - 1000
    teacher = made.measured["teacher"].outputs
    assert made.names[int(teacher[row].argmax())] == picture["label"] == picture["names"][0]
    assert picture["temperatures"] == [1, 4, 20]
    sharpness = [max(probabilities) for probabilities in picture["teacher"]]
    assert sharpness == sorted(sharpness, reverse=True)
    assert sum(picture["student"]) == pytest.approx(1)
    assert picture["example"]["image"].startswith("data:image/png;base64,")


def test_of_many_names_the_picture_of_temperature_sums_up_the_rest() -> None:
    names = [str(number) for number in range(30)]
    picture = Made("tabular-classification", names).report()["temperature"]

    assert len(picture["names"]) == 10
    assert picture["others"]["count"] == 20
    for probabilities, rest in zip(picture["teacher"], picture["others"]["teacher"], strict=True):
        assert sum(probabilities) + rest == pytest.approx(1)


def test_the_worst_flips_show_their_examples() -> None:
    made = Made("text-classification")
    worst = made.report()["worst"]

    assert worst["by"] == "confidence"
    texts: Any = made.test.inputs
    first = worst["examples"][0]
    assert first["example"] == {
        "text": texts[first["row"] - 1000][:300],
        "of": len(texts[first["row"] - 1000]),
    }


def test_a_worst_word_is_marked_in_its_sentence() -> None:
    flip = Made("token-classification").report()["worst"]["examples"][0]

    assert flip["example"]["at"] == flip["word"]
    assert flip["example"]["words"] == ["word"] * 5


def test_the_worst_numbers_are_those_on_which_the_student_is_farther_off_than_the_teacher() -> None:
    made = Made("regression", ["price"])
    worst = made.report()["worst"]

    assert worst["by"] == "error"
    for each in worst["examples"]:
        (label,), (teacher,), (student,) = each["label"], each["teacher"], each["student"]
        assert abs(student - label) > abs(teacher - label)
    assert len(worst["examples"][0]["example"].get("features", [])) <= 24


def test_the_worst_embeddings_are_the_least_alike() -> None:
    worst = Made("feature-extraction").report()["worst"]

    cosines = [each["cosine"] for each in worst["examples"]]
    assert worst["by"] == "cosine"
    assert cosines == sorted(cosines)


def test_numbers_are_drawn_over_what_is_true() -> None:
    made = Made("regression", ["price", "size"])
    first = made.report()["values"]["outputs"][0]

    assert first["label"] == "price"
    assert first["true"] == pytest.approx(made.rows.labels[:, 0].tolist())
    assert first["student"] == pytest.approx(made.measured["student"].outputs[:, 0].tolist())


def test_the_likeness_of_embeddings_counts_every_example() -> None:
    likeness = Made("feature-extraction").report()["values"]["likeness"]

    assert sum(likeness["counts"]) == EXAMPLES
    assert len(likeness["edges"]) == len(likeness["counts"]) + 1


def test_an_unlabeled_example_is_in_no_picture() -> None:
    report = Made("tabular-classification", labeled=9).report()

    assert sum(map(sum, report["confusion"]["counts"])) == 9
    assert report["temperature"]["row"] < 1009


def test_what_a_job_cost_is_told_by_phase_and_run() -> None:
    cost = Made("tabular-classification").report()["cost"]

    assert [phase["name"] for phase in cost["phases"]] == ["training"]
    (student,) = (each for each in cost["runs"] if each["run"] == "student")
    assert student["examples"] == 320
    assert student["examples_per_s"] == pytest.approx(320 / student["seconds"])
    assert cost["peak_memory_bytes"] > 10_000_000
    assert cost["peak_gpu_memory_bytes"] is None
