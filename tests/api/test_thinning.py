"""A thinned curve keeps its ends, its peaks and its valleys."""

from hypothesis import given
from hypothesis import strategies as st

from api.thinning import thin

curves = st.lists(st.floats(-1e6, 1e6), max_size=300)


@given(curves, st.integers(1, 60))
def test_no_more_points_than_asked_for_in_their_order(values: list[float], at_most: int):
    points = list(enumerate(values))

    kept = thin(points, at_most=at_most, value=lambda point: point[1])

    assert len(kept) <= at_most
    assert kept == sorted(set(kept))
    assert set(kept) <= set(points)
    if values:
        assert kept[-1] == points[-1]


@given(curves.filter(len), st.integers(4, 60))
def test_the_highest_and_the_lowest_value_stay(values: list[float], at_most: int):
    kept = thin(values, at_most=at_most, value=float)

    assert max(kept) == max(values)
    assert min(kept) == min(values)
    assert kept[0] == values[0]


def test_a_single_spike_in_a_flat_curve_survives():
    values = [0.0] * 500 + [9.0] + [0.0] * 499

    assert 9.0 in thin(values, at_most=20, value=float)


def test_a_short_curve_stays_as_it_is():
    assert thin([1.0, 2.0, 3.0], at_most=3, value=float) == [1.0, 2.0, 3.0]
