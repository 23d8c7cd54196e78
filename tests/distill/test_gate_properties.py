"""What holds of verdicts whatever the figures are."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distill.config.gates import Gate
from distill.gates import concluded, verdict
from tests.distill.judging import LABELS, judged, of_student

ORDER = ["failed", "inconclusive", "passed"]


@pytest.mark.parametrize(
    ("verdicts", "exports", "conclusion"),
    [
        ([], ["verified"], "no_gate"),
        (["passed", "passed"], ["verified", "skipped"], "passed"),
        (["passed", "inconclusive"], ["verified"], "gate_inconclusive"),
        (["inconclusive", "failed", "passed"], ["verified"], "gate_failed"),
        (["failed"], ["verified", "failed"], "export_failed"),
        ([], ["failed"], "export_failed"),
        (["never heard of"], ["verified"], "gate_inconclusive"),
    ],
)
def test_the_worst_is_the_conclusion(verdicts: list[str], exports: list[str], conclusion: str) -> None:
    gates = [{"verdict": each} for each in verdicts]

    assert (
        concluded(gates, {str(place): {"status": each} for place, each in enumerate(exports)}) == conclusion
    )


figures = st.floats(-10, 10, allow_nan=False)
answers = st.lists(st.integers(0, 1), min_size=20, max_size=20)
decisions = st.sampled_from(["bound", "point"])


@st.composite
def intervals(draw: st.DrawFn) -> tuple[float, float, float]:
    low, value, high = sorted(draw(st.tuples(figures, figures, figures)))
    return value, low, high


def gate(decide: str = "bound", **bounds: float) -> Gate:
    return Gate.model_validate({"metric": "accuracy", "decide": decide, **bounds})


@given(intervals(), figures, figures, decisions)
def test_a_harder_bound_never_gives_a_better_verdict(
    interval: tuple[float, float, float], one: float, other: float, decide: str
) -> None:
    easy, hard = sorted((one, other))

    assert ORDER.index(verdict(gate(decide, min=easy), *interval)) >= ORDER.index(
        verdict(gate(decide, min=hard), *interval)
    )
    assert ORDER.index(verdict(gate(decide, max=hard), *interval)) >= ORDER.index(
        verdict(gate(decide, max=easy), *interval)
    )


@given(intervals(), figures, figures)
def test_what_passes_by_its_interval_passes_by_its_point_and_fails_likewise(
    interval: tuple[float, float, float], one: float, other: float
) -> None:
    bounds = dict(zip(("min", "max"), sorted((one, other)), strict=True))

    by_bound, by_point = (verdict(gate(decide, **bounds), *interval) for decide in ("bound", "point"))

    assert by_bound in (by_point, "inconclusive")
    assert by_point != "inconclusive"


@given(figures, figures, figures, decisions)
def test_an_exact_figure_is_never_inconclusive(value: float, one: float, other: float, decide: str) -> None:
    low, high = sorted((one, other))

    assert verdict(gate(decide, min=low, max=high), value, value, value) != "inconclusive"


@settings(max_examples=25)
@given(answers, answers, st.sampled_from(["ratio", "difference"]))
def test_ratio_and_difference_are_those_of_the_two_figures(
    student: list[int], control: list[int], compare: str
) -> None:
    proof = of_student(student, control=control)
    right = [
        sum(one == other for one, other in zip(said, LABELS, strict=True)) for said in (student, control)
    ]

    found = judged({"metric": "accuracy", "relative_to": "control", "compare": compare, "min": 0.5}, proof)

    if found["value"] is None:
        assert compare == "ratio"
        return
    by_hand = right[0] / right[1] if compare == "ratio" else (right[0] - right[1]) / 20
    assert math.isclose(found["value"], by_hand, abs_tol=1e-12)
    assert found["low"] <= found["value"] <= found["high"]
    if found["verdict"] == "passed":
        assert found["value"] >= 0.5 - 1e-9


@settings(max_examples=5)
@given(answers)
def test_a_figure_lies_in_its_own_interval_whatever_it_is(student: list[int]) -> None:
    proof = of_student(student)

    for metric in ("accuracy", "balanced_accuracy", "macro_f1", "per_class_accuracy", "ece", "loss"):
        found = judged({"metric": metric, "min": 0}, proof)
        assert found["low"] <= found["value"] <= found["high"], metric
