"""Gates and exports of a job as tables for people."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

_STYLES = {"passed": "green", "verified": "green", "failed": "red", "inconclusive": "yellow"}


def gates(judged: Iterable[Mapping[str, Any]]) -> list[RenderableType]:
    """One row a gate: what was asked, what was found and what that comes to; below it the reasons of those
    that could not be judged. Nothing of a job without gates."""
    judged = list(judged)
    if not judged:
        return []
    table = _table("gate", "asked", "found", "n", "verdict")
    for gate in judged:
        verdict = str(gate["verdict"])
        examples = gate.get("n")
        table.add_row(
            _subject(gate),
            _asked(gate),
            _found(gate),
            "exact" if examples is None and gate.get("value") is not None else _count(examples),
            Text(verdict, style=_STYLES.get(verdict, "")),
        )
    return [table, *_reasons((_subject(gate), gate.get("reason")) for gate in judged)]


def exports(made: Mapping[str, Mapping[str, Any]], main_figure: str) -> list[RenderableType]:
    """One row a format, and why those that failed did; nothing where a good student is all there is."""
    if all(name == "safetensors" and entry["status"] == "verified" for name, entry in made.items()):
        return []
    table = _table("export", "status", main_figure.replace("_", " "), "match", "bytes", "p50, ms", "p95, ms")
    for name, entry in made.items():
        status, latency = str(entry["status"]), entry.get("latency_ms") or {}
        table.add_row(
            name,
            Text(status, style=_STYLES.get(status, "")),
            _number((entry.get(main_figure) or {}).get("value")),
            _number(entry.get("match")),
            _count(entry.get("size_bytes")),
            _number(latency.get("p50")),
            _number(latency.get("p95")),
        )
    return [table, *_reasons((name, entry.get("reason")) for name, entry in made.items())]


def _subject(gate: Mapping[str, Any]) -> str:
    return f"{gate['metric']} of {str(gate.get('on', 'student')).removeprefix('export:')}"


def _asked(gate: Mapping[str, Any]) -> str:
    """`at least 0.97 of teacher`, `at most +2 to digits@production (version 3)`."""
    sign = "+" if gate.get("compare") == "difference" else ""
    bounds = [
        f"{words} {_bound(gate[field], sign)}"
        for field, words in (("min", "at least"), ("max", "at most"))
        if gate.get(field) is not None
    ]
    point = ", as measured" if gate.get("decide") == "point" else ""
    return " and ".join(bounds) + _beside(gate) + point


def _beside(gate: Mapping[str, Any]) -> str:
    other = gate.get("relative_to")
    if other is None:
        return ""
    version = (gate.get("baseline") or {}).get("version")
    named = f"{other} (version {version})" if version is not None else other
    return f" {'to' if gate.get('compare') == 'difference' else 'of'} {named}"


def _found(gate: Mapping[str, Any]) -> str:
    value, low, high = (gate.get(name) for name in ("value", "low", "high"))
    if value is None:
        return "-"
    sign = "+" if gate.get("compare") == "difference" else ""
    between = "" if low == high else f"  ({_number(low, sign)} to {_number(high, sign)})"
    return f"{_number(value, sign)}{between}"


def _reasons(given: Iterable[tuple[str, str | None]]) -> list[Text]:
    return [Text(f"{name}: {reason}", style="yellow") for name, reason in given if reason]


def _bound(bound: float, sign: str) -> str:
    return f"{bound:{sign},.12g}"


def _number(value: float | None, sign: str = "") -> str:
    if value is None:
        return "-"
    if float(value).is_integer() and abs(value) >= 1000:
        return f"{value:{sign},.0f}"
    return f"{value:{sign}.3f}" if abs(value) < 1000 else f"{value:{sign},.0f}"


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
