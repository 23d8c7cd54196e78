"""Teacher, student, controls and exports side by side, and what they say together: rows of tables."""

from collections.abc import Iterator, Mapping
from typing import Any

from api.report import words

_RUNS = ("teacher", "student", "control")


def columns(report: Mapping[str, Any]) -> list[str]:
    """The networks that have figures: the three of every job, then the others."""
    there = report["table"][0]
    return [run for run in _RUNS if run in there] + [run for run in there if run not in (*_RUNS, "figure")]


def sides(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row a network, one a model that a gate names, one an export, each `{name, look, figure, same,
    parameters, size, p50, p95, memory, status, reason}`; figures as they are said."""
    return [*_networks(report), *_incumbents(report), *_exports(report["result"])]


def _networks(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    result, known = report["result"], report["main_figures"] or {}
    between, controls = result.get("between") or {}, result.get("controls") or {}
    for run in columns(report):
        figures = result.get(run) or between.get(run) or controls.get(run.removeprefix("control."))
        if figures is not None:
            main = known.get(run) or {"value": figures.get(result.get("main_figure"))}
            same = _same(result.get("agreement"), "teacher") if run == "student" else ""
            yield _row(words.run(run), run.partition(".")[0], main, figures, same)


def incumbents(result: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """`(id, name, figures)` of each model beside which a gate puts the student, as its user called it."""
    called = {
        gate["baseline"]["model"]: f"{gate['relative_to']} (version {gate['baseline']['version']})"
        for gate in result.get("gates") or []
        if gate.get("baseline")
    }
    for model, figures in (result.get("incumbents") or {}).items():
        yield model, called.get(model, model), figures


def _incumbents(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    result, known = report["result"], report["main_figures"] or {}
    for model, name, figures in incumbents(result):
        main = known.get(model) or {"value": figures.get(result.get("main_figure"))}
        yield _row(name, "between", main, figures)


def _exports(result: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for format, export in (result.get("exports") or {}).items():
        match = export.get("top1_match")
        same = _same(export.get("match") if match is None else match, "student")
        yield _row(format, "export", export.get(result.get("main_figure")), export, same)


def _row(
    name: str,
    look: str,
    main: Mapping[str, Any] | None,
    facts: Mapping[str, Any],
    same: str = "",
) -> dict[str, Any]:
    times = facts.get("latency_ms") or {}
    return {
        "name": name,
        "look": look,
        "figure": words.interval(main),
        "same": same,
        "parameters": words.number(facts["parameters"]) if "parameters" in facts else "",
        "size": words.size(facts.get("size_bytes")),
        "p50": words.milliseconds(times.get("p50")),
        "p95": words.milliseconds(times.get("p95")),
        "memory": words.size(facts.get("peak_memory_bytes")),
        "status": facts.get("status", ""),
        "reason": facts.get("reason"),
    }


def _same(share: float | None, whose: str) -> str:
    return "" if share is None else f"{words.share(share)} of the {whose}'s"


def comparisons(result: Mapping[str, Any]) -> Iterator[list[str]]:
    """`[what, value, low, high]`: what the networks say together, or why that is not known."""
    for name, title in words.COMPARISONS.items():
        figure = result.get(name)
        if figure is not None and figure.get("value") is not None:
            yield [title, *(words.number(figure[bound]) for bound in ("value", "low", "high"))]
        elif name in result and name != "gain_over_teacher_argmax":
            yield [title, (figure or {}).get("reason", "not measured"), "", ""]
    for name, title in words.PLAIN.items():
        if result.get(name) is not None:
            yield [title, words.number(result[name]), "", ""]
