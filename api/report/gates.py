"""Gates in words."""

from collections.abc import Mapping
from typing import Any

from api.report import words


def subject(gate: Mapping[str, Any]) -> str:
    """Which figure of what: `accuracy of export:onnx-int8`."""
    return f"{gate['metric']} of {'the student' if gate['on'] == 'student' else gate['on']}"


def asked(gate: Mapping[str, Any]) -> str:
    """What must hold: `at least 0.97 of teacher`."""
    return f"{_bounds(gate)}{_beside(gate)}"


def found(gate: Mapping[str, Any]) -> str:
    """The figure with its interval, in the units that the gate bounds."""
    value, low, high = (gate.get(bound) for bound in ("value", "low", "high"))
    if gate.get("relative_to") is None and gate["metric"].endswith("_bytes"):
        return words.size(value)
    return words.interval({"value": value, "low": low, "high": high}) if value is not None else "-"


def sides(gate: Mapping[str, Any]) -> str | None:
    """What was compared: the figure and that of the other one; None where nothing was."""
    if gate.get("figure") is None or gate.get("against") is None:
        return None
    mine, others = (words.figure(gate["metric"], gate[side]) for side in ("figure", "against"))
    return f"{mine} against {others}"


def counted(gate: Mapping[str, Any]) -> str:
    """What the interval is over: test examples, or calls where time was taken; nothing where it is exact."""
    if gate.get("n") is None:
        return ""
    return f"{gate['n']:,} {'calls' if gate['metric'].startswith('latency_ms') else 'examples'}"


def _bounds(gate: Mapping[str, Any]) -> str:
    low, high = (_bound(gate, gate.get(bound)) for bound in ("min", "max"))
    if low is not None and high is not None:
        return f"between {low} and {high}"
    return f"at least {low}" if low is not None else f"at most {high}"


def _bound(gate: Mapping[str, Any], bound: float | None) -> str | None:
    if bound is None:
        return None
    return words.number(bound) if gate.get("relative_to") else words.figure(gate["metric"], bound)


def _beside(gate: Mapping[str, Any]) -> str:
    other = gate.get("relative_to")
    if other is None:
        return ""
    baseline = gate.get("baseline") or {}
    if baseline.get("version") is not None:
        other = f"{other} (version {baseline['version']})"
    elif other in ("teacher", "control"):
        other = f"the {other}'s"
    return f" more than {other}" if gate.get("compare") == "difference" else f" times {other}"
