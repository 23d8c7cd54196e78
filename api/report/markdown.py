"""`report.json` as Markdown, for a pull request or a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_RUNS = ("teacher", "student", "control")
_VERDICTS = {
    "helped": "Distillation helped: the student is better than the control, beyond chance.",
    "no_difference": "Distillation made no difference that could be told from chance.",
    "hurt": "Distillation hurt: the control, without a teacher, is better beyond chance.",
    "not_measured": "Whether distillation helped was not measured: the job ran without a control.",
}
_COMPARISONS = {
    "retention": "Retention (student / teacher)",
    "gain": "Gain (student - control)",
    "gap_closed": "Gap closed",
}


def markdown(report: Mapping[str, Any], *, job_id: str) -> str:
    """The whole report. Words of the user's own are escaped."""
    result = report["result"]
    asked = report["asked"]
    parts = [
        f"# {_text(asked['name'])}",
        f"Job `{job_id}`, {_text(asked['task'])}.",
        f"**{_VERDICTS.get(result['distillation'], _text(result['distillation']))}**",
        "## Figures",
        _table(["", *_runs(report)], _figure_rows(report)),
        "All figures are of the test split, measured on the written files.",
        "## Comparison",
        _table(["", "value", "low", "high"], list(_comparison_rows(result))),
        _text(result["intervals_note"]),
        "## Size and speed",
        _table(["", "times smaller or quicker"], list(_compression_rows(result))),
        *_warnings(result),
        "## Losses",
        _table(
            ["kind", "weight"], [[_text(loss["kind"]), _number(loss["weight"])] for loss in asked["losses"]]
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _runs(report: Mapping[str, Any]) -> list[str]:
    return [run for run in _RUNS if report["result"][run] is not None]


def _figure_rows(report: Mapping[str, Any]) -> list[list[str]]:
    runs = _runs(report)
    return [[_text(row["figure"]), *(_number(row[run]) for run in runs)] for row in report["table"]]


def _comparison_rows(result: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, title in _COMPARISONS.items():
        figure = result[name]
        if figure is None or figure.get("value") is None:
            yield [title, _text((figure or {}).get("reason", "not measured")), "", ""]
        else:
            yield [title, *(_number(figure[bound]) for bound in ("value", "low", "high"))]
    yield ["Agreement with the teacher", _number(result["agreement"]), "", ""]
    yield ["KL divergence from the teacher", _number(result["kl_divergence"]), "", ""]
    yield ["Accuracy of the commonest class", _number(result["majority_baseline"]), "", ""]


def _compression_rows(result: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, factor in result["compression"].items():
        yield [_text(name), _number(factor)]


def _warnings(result: Mapping[str, Any]) -> Iterator[str]:
    if result["warnings"]:
        yield "## Warnings"
        yield "\n".join(f"- {_text(warning['message'])}" for warning in result["warnings"])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _number(value: Any) -> str:
    match value:
        case None:
            return "-"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.4g}"
    return _text(value)


def _text(value: Any) -> str:
    """Plain words: nothing that Markdown or HTML would take for its own."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|!~" else " " if c in "\r\n" else c for c in str(value))
