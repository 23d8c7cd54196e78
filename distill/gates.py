"""Whether a student may leave: each gate of the document judged by what was measured on test."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from torch import Tensor

from distill.config.events import Conclusion
from distill.config.figures import Figure, figures_of, split_metric
from distill.config.folder import Incumbent
from distill.config.gates import Gate
from distill.config.job import JobDocument
from distill.evaluate.cost import Times
from distill.evaluate.intervals import (
    CONFIDENCE,
    DRAWS,
    Figures,
    resampled_sums,
)
from distill.evaluate.measure import Rows
from distill.evaluate.sums import Sums, sums_of

Verdict = Literal["passed", "failed", "inconclusive"]

ROUNDING = 1e-12
"""The share by which a figure may miss its bound: what is left of a decimal fraction in binary."""


@dataclass(frozen=True)
class Evidence:
    """What gates are judged by, beside the figures of the result.

    Everything is by name: `teacher`, `student`, `control`, `export:onnx`, and an incumbent by its id.
    """

    rows: Rows
    outputs: Mapping[str, Tensor]
    """What each answers to every row of test, float32 (N, outputs)."""
    times: Mapping[str, Times]
    """How long their calls took, in turns: a round of one is beside the same round of another."""


def judge(
    document: JobDocument,
    result: Mapping[str, Any],
    evidence: Evidence,
    *,
    incumbents: Sequence[Incumbent] = (),
    heed: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """The contract's `gates`, one entry a gate, in the order of the document.

    `result` is that of the job with everything else in it: `teacher`, `student`, `control`, `exports`, and
    `incumbents` by their ids. An entry says what was asked, `value` with the 95% interval `low` to `high`,
    the `n` examples (of latency calls) behind it, None where it is exact, and the `verdict`. Of a gate
    relative to something, `figure` and `against` are what its two sides came to; `baseline` is the model.
    """
    court = _Court(document, result, evidence, {each.model: each for each in incumbents})
    judged = []
    for gate in document.gates:
        heed()
        judged.append(court.judged(gate))
    return judged


def concluded(gates: Sequence[Mapping[str, Any]], exports: Mapping[str, Mapping[str, Any]]) -> Conclusion:
    """What a job comes to: the worst of its exports and its gates."""
    if any(entry["status"] == "failed" for entry in exports.values()):
        return "export_failed"
    verdicts = {gate["verdict"] for gate in gates}
    if "failed" in verdicts:
        return "gate_failed"
    if not verdicts:
        return "no_gate"
    return "passed" if verdicts == {"passed"} else "gate_inconclusive"


@dataclass(frozen=True)
class _Measured:
    """A figure as measured, entry 0, and of resamples; where it is exact it is alone."""

    values: Figures
    n: int | None

    @property
    def is_exact(self) -> bool:
        return len(self.values) == 1


class _Undecided(Exception):
    """Why there is nothing to judge by."""

    def __init__(self, reason: str, verdict: Verdict = "inconclusive") -> None:
        super().__init__(reason)
        self.verdict: Verdict = verdict


class _Court:
    def __init__(
        self,
        document: JobDocument,
        result: Mapping[str, Any],
        evidence: Evidence,
        incumbents: Mapping[str, Incumbent],
    ) -> None:
        self._document = document
        self._result = result
        self._evidence = evidence
        self._incumbents = incumbents
        self._figures = figures_of(evidence.rows.science.target)

    def judged(self, gate: Gate) -> dict[str, Any]:
        entry = self._asked(gate)
        try:
            found = self._found(gate)
        except _Undecided as undecided:
            return {**entry, **_NOTHING, "verdict": undecided.verdict, "reason": str(undecided)}
        return {**entry, **found, "verdict": verdict(gate, found["value"], found["low"], found["high"])}

    def _asked(self, gate: Gate) -> dict[str, Any]:
        incumbent = self._incumbents.get(gate.incumbent or "")
        entry = gate.model_dump(mode="json")
        if gate.relative_to is not None:
            entry["compare"] = gate.compare or "ratio"
        if incumbent is None:
            return entry
        named = {"model": incumbent.model, "name": incumbent.name, "version": incumbent.version}
        return {**entry, "relative_to": incumbent.said, "baseline": named}

    def _found(self, gate: Gate) -> dict[str, Any]:
        """`value`, `low`, `high` and `n`.

        Raises:
            _Undecided: there is no such figure.
        """
        name, _ = split_metric(gate.metric)
        figure = self._figures[name]
        if figure.kind == "comparison":
            return self._compared_already(gate.metric)
        sides = [side for side in (gate.on, gate.relative_to) if side is not None]
        measured = self._sides(figure, gate.metric, sides)
        if gate.relative_to is None:
            return _interval(measured[0].values, measured[0].n)
        mine, others = measured
        values = _compared(gate, mine.values, others.values)
        told = {"figure": float(mine.values[0]), "against": float(others.values[0])}
        return {**_interval(values, mine.n), **told}

    def _compared_already(self, name: str) -> dict[str, Any]:
        """Retention, gain and gap closed stand in the result, with their intervals."""
        found = self._result[name]
        if found["value"] is None:
            raise _Undecided(found["reason"])
        examples = self._evidence.rows.examples[self._evidence.rows.labeled]
        return _holding(found["value"], found["low"], found["high"]) | {"n": len(np.unique(examples.numpy()))}

    def _sides(self, figure: Figure, metric: str, sides: Sequence[str]) -> list[_Measured]:
        """The same figure of one or two, of the same resamples."""
        match figure.kind:
            case "answer" | "agreement":
                return self._answered(metric, sides)
            case "speed":
                return self._timed(metric, sides)
        return [_Measured(np.array([self._exact(metric, side)]), None) for side in sides]

    def _exact(self, metric: str, side: str) -> float:
        value = self._told(side).get(metric)
        if value is None:
            raise _Undecided(f"{metric} of {self._called(side)} was not measured")
        return float(value)

    def _answered(self, metric: str, sides: Sequence[str]) -> list[_Measured]:
        teacher, rows = self._evidence.outputs["teacher"], self._evidence.rows
        sums = [sums_of(metric, self._outputs(side), teacher, rows) for side in sides]
        figures = _resampled(sums, np.random.default_rng(self._document.seed))
        for side, column in zip(sides, figures.T, strict=True):
            if math.isnan(column[0]):
                raise _Undecided(f"no example of test tells {metric} of {self._called(side)}")
        return [_Measured(column, each.examples) for column, each in zip(figures.T, sums, strict=True)]

    def _outputs(self, side: str) -> Tensor:
        self._told(side)
        return self._evidence.outputs[side]

    def _timed(self, metric: str, sides: Sequence[str]) -> list[_Measured]:
        """Quantiles over calls; resampled are rounds, the same of both sides, whose calls go together."""
        share = int(metric.removeprefix("latency_ms.p")) / 100
        rounds = [np.array(self._rounds(side), dtype=np.float64) for side in sides]
        drawn = np.random.default_rng(self._document.seed).integers(
            0, len(rounds[0]), size=(DRAWS, len(rounds[0]))
        )
        return [
            _Measured(
                np.append(
                    np.quantile(each, share), np.quantile(each[drawn].reshape(DRAWS, -1), share, axis=1)
                ),
                each.size,
            )
            for each in rounds
        ]

    def _rounds(self, side: str) -> Sequence[Sequence[float]]:
        self._told(side)
        if side not in self._evidence.times:
            raise _Undecided(f"the latency of {self._called(side)} was not measured")
        return self._evidence.times[side].rounds

    def _told(self, side: str) -> Mapping[str, Any]:
        """What the result says of it.

        Raises:
            _Undecided: there is nothing, as of an export that could not be made.
        """
        if side.startswith("export:"):
            told = self._result["exports"][side.removeprefix("export:")]
            if told["status"] != "verified" and side not in self._evidence.outputs:
                raise _Undecided(f"{self._called(side)} {told['status']}: {told['reason']}", "failed")
        else:
            told = (self._result["incumbents"] if side in self._incumbents else self._result)[side]
        facts: Mapping[str, Any] = told
        return facts

    def _called(self, side: str) -> str:
        if side in self._incumbents:
            return self._incumbents[side].said
        return f"the export {side.removeprefix('export:')}" if side.startswith("export:") else f"the {side}"


_NOTHING: dict[str, Any] = {"value": None, "low": None, "high": None, "n": None}


def verdict(gate: Gate, value: float, low: float, high: float) -> Verdict:
    """What the figure `value`, with its interval, says of the bounds of `gate`.

    `bound`: passed where the whole interval keeps to the bounds, failed where all of it misses one of them,
    else inconclusive. `point`: `value` alone decides.
    """
    if gate.decide == "point":
        low = high = value
    kept = _keeps(gate.min, low) and _keeps(gate.max, high, above=True)
    missed = not _keeps(gate.min, high) or not _keeps(gate.max, low, above=True)
    return "passed" if kept else "failed" if missed else "inconclusive"


def _keeps(bound: float | None, figure: float, *, above: bool = False) -> bool:
    """Whether `figure` is at least `bound`, or where that is `above` it at most."""
    if bound is None or math.isclose(figure, bound, rel_tol=ROUNDING, abs_tol=ROUNDING):
        return True
    return figure <= bound if above else figure >= bound


def _resampled(sums: Sequence[Sums], random: np.random.Generator) -> Figures:
    """(1 + draws, networks): all are asked about the same examples in one draw."""
    widths = np.cumsum([each.columns.shape[1] for each in sums])

    def of(summed: Figures) -> Figures:
        parts = np.split(summed, widths[:-1], axis=1)
        return np.stack([each.of(part) for each, part in zip(sums, parts, strict=True)], axis=1)

    return resampled_sums(np.concatenate([each.columns for each in sums], axis=1), of, random)


def _compared(gate: Gate, mine: Figures, others: Figures) -> Figures:
    if gate.compare == "difference":
        return mine - others
    if (others <= 0).any():
        raise _Undecided(
            f"{gate.metric} of what it is compared with is not clearly above zero: a share of that says "
            "nothing; use compare: difference"
        )
    return mine / others


def _interval(values: Figures, n: int | None) -> dict[str, Any]:
    """Percentiles of the resamples, less what is no number; of an exact figure itself."""
    if len(values) == 1:
        return _holding(values[0], values[0], values[0]) | {"n": n}
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(values[1:], [tail, 1 - tail])
    return _holding(values[0], low, high) | {"n": n}


def _holding(value: float, low: float, high: float) -> dict[str, Any]:
    """The interval, with the figure as measured in it: of a figure whose resamples lean to one side, as the
    worst of several, a percentile may pass it by."""
    value, low, high = float(value), float(low), float(high)
    return {"value": value, "low": min(low, value), "high": max(high, value)}
