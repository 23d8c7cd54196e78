"""What gates say of figures, intervals and bounds: small cases worked out by hand."""

import pytest
import torch

from distill.gates import Evidence, judge
from tests.distill.judging import LABELS, RIGHT, document, evidence, judged, of_student, result, rows, wrong


def test_a_faultless_student_passes_whatever_is_asked() -> None:
    found = judged({"metric": "accuracy", "min": 1}, of_student(RIGHT))

    assert (found["value"], found["low"], found["high"], found["n"]) == (1, 1, 1, 20)
    assert found["verdict"] == "passed"


def test_a_gate_shows_what_was_asked_and_what_was_found() -> None:
    found = judged({"metric": "accuracy", "relative_to": "teacher", "min": 0.9}, of_student(wrong(3)))

    assert {
        name: found[name] for name in ("metric", "on", "relative_to", "compare", "min", "max", "decide")
    } == {
        "metric": "accuracy",
        "on": "student",
        "relative_to": "teacher",
        "compare": "ratio",
        "min": 0.9,
        "max": None,
        "decide": "bound",
    }
    assert (found["figure"], found["against"], found["value"]) == (0.95, 1, 0.95)
    assert found["low"] < 0.95 < found["high"]


def test_one_mistake_in_twenty_neither_passes_nor_fails_a_bound_of_nine_tenths() -> None:
    found = judged({"metric": "accuracy", "min": 0.9}, of_student(wrong(3)))

    # of 20 draws with 1 wrong in 20, 3 or fewer are wrong in 98.4%, and 2 or fewer in 92.5%
    assert (found["value"], found["low"], found["high"]) == (0.95, 0.85, 1)
    assert found["verdict"] == "inconclusive"
    assert judged({"metric": "accuracy", "min": 0.9, "decide": "point"}, of_student(wrong(3)))["verdict"] == (
        "passed"
    )


def test_a_student_that_is_clearly_below_fails() -> None:
    assert judged({"metric": "accuracy", "min": 0.9}, of_student(wrong(*range(12))))["verdict"] == "failed"


def test_the_same_examples_are_drawn_for_both_sides() -> None:
    """Student and control err alike: whatever is drawn, their difference is none."""
    proof = of_student(wrong(1, 2, 3, 11), control=wrong(1, 2, 3, 11))

    found = judged({"metric": "accuracy", "relative_to": "control", "compare": "difference", "min": 0}, proof)

    assert (found["value"], found["low"], found["high"]) == (0, 0, 0)
    assert found["verdict"] == "passed"


def test_a_difference_that_is_a_decimal_fraction_reaches_its_bound() -> None:
    """0.9 - 0.95 is -0.04999999999999993 in binary."""
    proof = of_student(wrong(1, 2), control=wrong(1))

    gate = {"metric": "accuracy", "relative_to": "control", "compare": "difference", "decide": "point"}

    assert judged({**gate, "min": -0.05}, proof)["verdict"] == "passed"
    assert judged({**gate, "max": -0.05}, proof)["verdict"] == "passed"
    assert judged({**gate, "min": -0.0499}, proof)["verdict"] == "failed"


def test_the_recall_of_a_class_counts_its_own_examples() -> None:
    found = judged({"metric": "per_class_accuracy.b", "min": 0.5}, of_student(wrong(0, 1, 2, 19)))

    assert (found["value"], found["n"]) == (0.9, 10)
    assert found["verdict"] == "passed"


def test_without_a_class_the_worst_one_is_judged() -> None:
    found = judged({"metric": "per_class_accuracy", "min": 0.5}, of_student(wrong(0, 1, 2, 3, 4, 5, 19)))

    assert found["value"] == 0.4
    assert found["low"] <= 0.4 <= found["high"]


def test_an_interval_holds_its_figure_even_where_all_resamples_lie_below() -> None:
    """Of ten classes with one mistake each, some class has more in nearly every resample."""
    labels = [number for number in range(10) for _ in range(10)]
    student = [(label + 1) % 10 if place % 10 == 0 else label for place, label in enumerate(labels)]
    proof = evidence(labels, {"teacher": labels, "student": student}, classes=10)

    found = judged({"metric": "per_class_accuracy", "max": 0.89}, proof)

    assert (found["value"], found["high"]) == (0.9, 0.9)
    assert found["verdict"] == "inconclusive"


def test_agreement_asks_the_teacher_and_not_the_labels() -> None:
    proof = evidence(LABELS, {"teacher": wrong(0), "student": wrong(0)})

    found = judged({"metric": "agreement", "min": 1}, proof)

    assert (found["value"], found["verdict"]) == (1, "passed")


def test_an_export_is_judged_by_its_own_answers() -> None:
    proof = of_student(RIGHT, **{"export:onnx": wrong(*range(12))})

    found = judged({"metric": "accuracy", "on": "export:onnx", "min": 0.9}, proof)

    assert (found["value"], found["verdict"]) == (0.4, "failed")


def test_an_export_that_could_not_be_made_fails_its_gates_with_its_reason() -> None:
    facts = result(exports={"onnx": {"status": "failed", "reason": "no such operator", "size_bytes": None}})

    for metric, bound in (
        ("accuracy", {"min": 0}),
        ("size_bytes", {"max": 9}),
        ("latency_ms.p50", {"max": 9}),
    ):
        found = judged({"metric": metric, "on": "export:onnx", **bound}, of_student(RIGHT), facts)
        assert (found["value"], found["verdict"]) == (None, "failed")
        assert "no such operator" in found["reason"]


def test_an_export_that_missed_its_tolerance_keeps_its_figures_and_is_judged_by_them() -> None:
    facts = result(exports={"onnx": {"status": "failed", "reason": "it differs", "size_bytes": 500}})
    proof = of_student(RIGHT, **{"export:onnx": RIGHT})

    assert (
        judged({"metric": "size_bytes", "on": "export:onnx", "max": 500}, proof, facts)["verdict"] == "passed"
    )
    assert (
        judged({"metric": "accuracy", "on": "export:onnx", "min": 0.9}, proof, facts)["verdict"] == "passed"
    )


def test_an_incumbent_answers_the_same_examples_and_is_shown_as_it_was_called() -> None:
    proof = of_student(wrong(0), mdl_1=wrong(0, 1, 2))
    gate = {"metric": "accuracy", "relative_to": "mdl_1", "compare": "difference", "min": 0}

    found = judged(gate, proof, result(incumbents={"mdl_1": {"size_bytes": 2000}}))

    assert found["relative_to"] == "digits@production"
    assert found["baseline"] == {"model": "mdl_1", "name": "digits", "version": 3}
    assert found["value"] == pytest.approx(0.1)
    assert found["verdict"] == "passed"


def test_sizes_are_compared_with_those_of_an_incumbent_exactly() -> None:
    gate = {"metric": "size_bytes", "relative_to": "mdl_1", "max": 0.5}

    found = judged(gate, of_student(RIGHT), result(incumbents={"mdl_1": {"size_bytes": 2000}}))

    assert (found["value"], found["low"], found["high"], found["n"]) == (0.5, 0.5, 0.5, None)
    assert found["verdict"] == "passed"


def test_bytes_are_counted_to_the_last() -> None:
    large = result(student={"size_bytes": 1_000_000_001})

    gate = {"metric": "size_bytes", "max": 1_000_000_000}
    assert judged(gate, of_student(RIGHT), large)["verdict"] == "failed"


def test_a_share_of_what_may_be_nothing_is_inconclusive_and_the_way_out_is_told() -> None:
    proof = of_student(RIGHT, control=wrong(*range(20)))

    found = judged({"metric": "accuracy", "relative_to": "control", "min": 1}, proof)

    assert (found["value"], found["verdict"]) == (None, "inconclusive")
    assert "compare: difference" in found["reason"]


def test_a_class_without_examples_is_inconclusive() -> None:
    proof = evidence([0] * 20, {"teacher": [0] * 20, "student": [0] * 20})

    found = judged({"metric": "per_class_accuracy.b", "min": 0.1}, proof)

    assert found["verdict"] == "inconclusive"
    assert "no example of test" in found["reason"]


def test_retention_gain_and_gap_closed_are_those_of_the_result() -> None:
    retention = {"value": 0.98, "low": 0.96, "high": 1.0}
    nothing = {"value": None, "low": None, "high": None, "reason": "there is no gap to close"}
    facts = result(retention=retention, gap_closed=nothing)

    found = judged({"metric": "retention", "min": 0.97}, of_student(RIGHT), facts)
    none = judged({"metric": "gap_closed", "min": 0.5}, of_student(RIGHT), facts)

    assert {name: found[name] for name in retention} == retention
    assert (found["n"], found["verdict"]) == (20, "inconclusive")
    assert (none["value"], none["verdict"], none["reason"]) == (None, "inconclusive", nothing["reason"])


def test_latency_is_judged_over_rounds_taken_in_turns() -> None:
    """Both are slow in the same rounds: the ratio is the same in each of them."""
    slow = [(1.0, 2.0), (3.0, 10.0)] * 20
    quick = [(one / 2, other / 2) for one, other in slow]
    proof = evidence(LABELS, {"teacher": RIGHT, "student": RIGHT}, {"teacher": slow, "student": quick})

    absolute = judged({"metric": "latency_ms.p50", "max": 1.25}, proof)
    relative = judged({"metric": "latency_ms.p95", "relative_to": "teacher", "max": 0.5}, proof)

    assert (absolute["value"], absolute["n"], absolute["verdict"]) == (1.25, 80, "inconclusive")
    assert (relative["value"], relative["low"], relative["high"]) == (0.5, 0.5, 0.5)
    assert (relative["figure"], relative["against"], relative["verdict"]) == (5, 10, "passed")


def test_calls_of_one_round_are_drawn_together() -> None:
    """Five rounds say less than the same twenty-five calls would, each by itself."""
    rounds = [(float(number),) * 5 for number in range(1, 6)]
    calls = [(call,) for each in rounds for call in each]
    answered = {"teacher": RIGHT, "student": RIGHT}

    together, apart = (
        judged({"metric": "latency_ms.p50", "max": 9}, evidence(LABELS, answered, {"student": taken}))
        for taken in (rounds, calls)
    )

    assert together["value"] == apart["value"] == 3
    assert together["high"] - together["low"] > apart["high"] - apart["low"]


def test_what_was_not_measured_never_passes() -> None:
    for metric in ("latency_ms.p50", "peak_memory_bytes"):
        found = judged({"metric": metric, "max": 1e12, "decide": "point"}, of_student(RIGHT))
        assert found["verdict"] == "inconclusive"
        assert "was not measured" in found["reason"]


def test_numbers_are_judged_in_their_own_figures() -> None:
    labels = torch.tensor([[0.0], [1], [2], [3]])
    judged_rows = rows("regression", labels, ["price"])
    proof = Evidence(judged_rows, {"teacher": labels, "student": labels + 0.5}, {})

    (found,) = judge(document({"metric": "mae", "max": 0.5}, task="regression"), result(), proof)

    assert (found["value"], found["low"], found["high"]) == (0.5, 0.5, 0.5)
    assert found["verdict"] == "passed"
