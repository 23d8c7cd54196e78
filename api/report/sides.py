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
    """One row a network, then one row an export, each `{name, look, figure, same, parameters, size, p50,
    p95, memory, status, reason}`; figures as they are said."""
    result = report["result"]
    main = result.get("main_figure")
    return [*_networks(report, main), *_exports(result, main)]


def _networks(report: Mapping[str, Any], main: str | None) -> Iterator[dict[str, Any]]:
    result, known = report["result"], report["main_figures"] or {}
    between, controls = result.get("between") or {}, result.get("controls") or {}
    for run in columns(report):
        figures = result.get(run) or between.get(run) or controls.get(run.removeprefix("control."))
        if figures is None:
            continue
        figure = known.get(run) or {"value": figures.get(main) if main else None}
        agreement = result.get("agreement") if run == "student" else None
        yield {
            "name": words.run(run),
            "look": run.partition(".")[0],
            "figure": words.interval(figure),
            "same": f"{words.share(agreement)} of the teacher's" if agreement is not None else "",
            "parameters": words.number(figures.get("parameters")),
            **_measured(figures),
            "status": "",
            "reason": None,
        }


def _exports(result: Mapping[str, Any], main: str | None) -> Iterator[dict[str, Any]]:
    for format, export in (result.get("exports") or {}).items():
        match = export.get("top1_match")
        match = export.get("match") if match is None else match
        yield {
            "name": format,
            "look": "export",
            "figure": words.interval(export.get(main)) if main else "-",
            "same": f"{words.share(match)} of the student's" if match is not None else "",
            "parameters": "",
            **_measured(export),
            "status": export["status"],
            "reason": export.get("reason"),
        }


def _measured(figures: Mapping[str, Any]) -> dict[str, str]:
    times = figures.get("latency_ms") or {}
    return {
        "size": words.size(figures.get("size_bytes")),
        "p50": words.milliseconds(times.get("p50")),
        "p95": words.milliseconds(times.get("p95")),
        "memory": words.size(figures.get("peak_memory_bytes")),
    }


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
