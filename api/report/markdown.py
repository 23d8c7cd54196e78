"""`report.json` as Markdown, for a pull request or a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from api.report import losses

_RUNS = ("teacher", "student", "control")
_VERDICTS = {
    "helped": "Distillation helped: the student is better than the control, beyond chance.",
    "no_difference": "Distillation made no difference that could be told from chance.",
    "hurt": "Distillation hurt: the control, without a teacher, is better beyond chance.",
}
_COMPARISONS = {
    "retention": "Retention (student / teacher)",
    "gain": "Gain (student - control)",
    "gain_over_teacher_argmax": "Gain over the teacher's top class alone",
    "gap_closed": "Gap closed",
}
_PLAIN = {
    "agreement": "Agreement with the teacher",
    "kl_divergence": "KL divergence from the teacher",
    "majority_baseline": "Majority baseline",
    "mean_baseline": "Mean baseline",
    "updates_to_control": "Updates until the control was reached",
}
_FLIPS_SHOWN = 10


def markdown(report: Mapping[str, Any], *, job_id: str) -> str:
    """The whole report. Words of the user's own are escaped."""
    result = report["result"]
    asked = report["asked"]
    parts = [
        f"# {_text(asked['name'])}",
        f"Job `{job_id}`, {_text(asked['task'])}.",
        f"**{_verdict(result)}**",
        "## Figures",
        _table(["", *map(_text, _columns(report))], _figure_rows(report)),
        "All figures are of the test split, measured on the written files.",
        "## Comparison",
        _table(["", "value", "low", "high"], list(_comparison_rows(result))),
        _text(result["intervals_note"]),
        *_seeds(result),
        *_flips(result),
        "## Size and speed",
        _table(["", "times smaller or quicker"], list(_compression_rows(result))),
        *_warnings(result),
        "## Losses",
        *_stages(report),
    ]
    return "\n\n".join(parts) + "\n"


def _verdict(result: Mapping[str, Any]) -> str:
    said = _VERDICTS.get(result["distillation"])
    if said is not None:
        return said
    reason = (result["gain"] or {}).get("reason", "the job ran without a control")
    return f"Whether distillation helped was not measured: {_text(reason)}."


def _columns(report: Mapping[str, Any]) -> list[str]:
    """The networks that have figures: the three of every job, then other controls."""
    there = report["table"][0]
    return [run for run in _RUNS if run in there] + [run for run in there if run not in (*_RUNS, "figure")]


def _figure_rows(report: Mapping[str, Any]) -> list[list[str]]:
    columns = _columns(report)
    return [[_text(row["figure"]), *(_number(row.get(run)) for run in columns)] for row in report["table"]]


def _comparison_rows(result: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, title in _COMPARISONS.items():
        figure = result.get(name)
        if figure is not None and figure.get("value") is not None:
            yield [title, *(_number(figure[bound]) for bound in ("value", "low", "high"))]
        elif name in result and name != "gain_over_teacher_argmax":
            yield [title, _text((figure or {}).get("reason", "not measured")), "", ""]
    for name, title in _PLAIN.items():
        if result.get(name) is not None:
            yield [title, _number(result[name]), "", ""]


def _seeds(result: Mapping[str, Any]) -> Iterator[str]:
    seeds = result.get("seeds") or []
    if len(seeds) < 2:
        return
    controls = [name for name in ("control", "teacher_argmax") if seeds[0].get(name) is not None]
    yield "## Seeds"
    yield _table(
        ["seed", "student", *map(_text, controls), "shipped"],
        [
            [
                str(seed["seed"]),
                _number(seed["student"]),
                *(_number(seed[name]) for name in controls),
                "yes" if seed["shipped"] else "",
            ]
            for seed in seeds
        ],
    )
    main = _text(result["main_figure"])
    yield f"Each figure is {main} on test. The student that is best by validation was shipped."


def _flips(result: Mapping[str, Any]) -> Iterator[str]:
    flips = result.get("flips")
    if flips is None:
        return
    yield "## Where student and teacher differ"
    yield (
        f"The teacher is right and the student wrong {flips['teacher_right_student_wrong']:,} times; "
        f"the reverse happens {flips['student_right_teacher_wrong']:,} times."
    )
    if flips["examples"]:
        yield "The student's surest mistakes among these:"
        yield _table(
            ["row", "label", "teacher", "student", "confidence"],
            [
                [
                    _place(flip),
                    *(_said(flip[who]) for who in ("label", "teacher", "student")),
                    _number(flip["confidence"]),
                ]
                for flip in flips["examples"][:_FLIPS_SHOWN]
            ],
        )


def _place(flip: Mapping[str, Any]) -> str:
    return f"{flip['row']}, word {flip['word']}" if "word" in flip else str(flip["row"])


def _said(answer: Any) -> str:
    if isinstance(answer, list):
        return _text(", ".join(answer) or "none")
    return _text(answer)


def _compression_rows(result: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, factor in result["compression"].items():
        yield [_text(name), _number(factor)]


def _warnings(result: Mapping[str, Any]) -> Iterator[str]:
    if result["warnings"]:
        yield "## Warnings"
        yield "\n".join(f"- {_text(warning['message'])}" for warning in result["warnings"])


def _stages(report: Mapping[str, Any]) -> Iterator[str]:
    listed = losses.stages(report)
    for stage in listed:
        if len(listed) > 1:
            yield f"### {_text(stage['name'])}"
        if said := losses.length(stage):
            yield f"{said}."
        yield _table(
            ["kind", "weight", ""],
            [
                [_text(loss["kind"]), _text(losses.weight(loss["weight"])), _text(losses.details(loss))]
                for loss in stage["losses"]
            ],
        )


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
