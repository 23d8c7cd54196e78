import pytest
import torch

from distill.report import temperature_picture, thinned


@pytest.mark.parametrize("length", [0, 1, 199, 200, 201, 5003])
def test_a_thinned_curve_is_short_and_ends_where_the_curve_ends(length: int) -> None:
    points = [(step, float(step)) for step in range(length)]

    few = thinned(points)

    assert len(few) <= 200
    assert few == sorted(few)
    assert few[-1:] == points[-1:]


def test_the_picture_shows_the_example_on_which_the_teacher_hesitates() -> None:
    picture = temperature_picture(torch.tensor([[9.0, 0.0], [0.0, 0.5], [0.0, 9.0]]), ["a", "b"])

    assert picture["example"] == 1
    sharpness = [max(probabilities) for probabilities in picture["probabilities"]]
    assert sharpness == sorted(sharpness, reverse=True)
