"""Pictures: where things stand in them."""

import re
from itertools import pairwise

import pytest

from api.report.charts.answers import matrix, temperature
from api.report.charts.curves import curves
from api.report.charts.shapes import MARKS, Scale, look_of, mark, ticks
from api.report.charts.sides import main_figure, names
from tests.distill.report.made import Made


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0.93, 0.94), (-3, 7), (0, 0.0001), (5, 5), (0, 0), (1e6, 3e6), (-0.5, -0.5)]
)
def test_ticks_are_few_even_and_hold_what_is_drawn(low: float, high: float) -> None:
    found = ticks(low, high)

    assert found[0] <= low <= high <= found[-1]
    assert 2 <= len(found) <= 8
    steps = [after - before for before, after in pairwise(found)]
    assert steps == pytest.approx([steps[0]] * len(steps))


def test_a_scale_runs_either_way() -> None:
    up = Scale(0, 10, 200, 0)

    assert [up(0), up(10), up(2.5)] == [200, 0, 150]


def test_every_kind_of_run_has_a_mark_of_its_own() -> None:
    runs = ["teacher", "student.seed2", "control", "control.teacher_argmax.seed3", "assistant"]
    looks = [look_of(run) for run in runs]

    assert looks == [*MARKS, "between"]
    assert len({mark(look, 0, 0) for look in looks}) == len(runs)


def test_no_picture_draws_outside_of_its_field() -> None:
    report = Made("image-classification", [f"a class of number {number}" for number in range(12)]).report()
    pictures = [
        *curves(report),
        main_figure(report),
        names(report["per_name"]),
        temperature(report["temperature"]),
        matrix(report["confusion"]),
    ]

    for picture in pictures:
        assert picture is not None
        assert picture.description
        for shape in picture.shapes:
            for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", shape.path):
                assert -1 <= float(x) <= picture.width + 1, shape
                assert -1 <= float(y) <= picture.height + 1, shape
        for text in picture.words:
            assert 0 <= text.y <= picture.height, text
            assert 0 <= text.x <= picture.width, text


def test_a_better_figure_stands_farther_right() -> None:
    report = Made("image-classification").report()
    picture = main_figure(report)

    assert picture is not None
    places = {
        shape.title: float(re.findall(r"M(-?[\d.]+)", shape.path)[0])
        for shape in picture.shapes
        if shape.look.startswith("mark")
    }
    result = report["result"]
    assert (places["teacher"] > places["student"]) == (
        result["teacher"]["accuracy"] > result["student"]["accuracy"]
    )


def test_curves_leave_out_what_is_no_number() -> None:
    report = Made("image-classification").report()
    for curve in report["curves"]:
        curve["points"] = [[1, None], [2, float("nan")]]

    assert curves(report) == []
