"""`report.json` as Markdown, for a pull request or a terminal: what decides first."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from api.report import gates, losses, words
from api.report.sides import columns, comparisons, sides
from api.report.subject import Subject
from api.report.versions import upgraded

_FLIPS_SHOWN = 10


def markdown(report: Mapping[str, Any], subject: Subject) -> str:
    """The whole report. Words of the user's own are escaped."""
    report = upgraded(report)
    result, asked = report["result"], report["asked"]
    said = words.conclusion(subject.conclusion)
    parts = [
        f"# {_text(asked['name'])}",
        f"Job `{subject.job_id}`, {_text(asked['task'])}.",
        *([f"**{said}**"] if said else []),
        f"**{_text(words.distillation(result))}**",
        *_gates(result),
        *_warnings(result),
        "## Side by side",
        _sides(report),
        "All figures are of the test split, measured on the written files.",
        "## Comparison",
        _table(["", "value", "low", "high"], [[*map(_text, row)] for row in comparisons(result)]),
        _text(result["intervals_note"]),
        *_seeds(result),
        "## Figures",
        _table(["", *(_text(words.run(run)) for run in columns(report))], _figure_rows(report)),
        *_flips(result),
        "## Size and speed",
        _table(["", "times smaller or quicker"], list(_compression_rows(result))),
        *_cost(report),
        "## Losses",
        *_stages(report),
    ]
    return "\n\n".join(parts) + "\n"


def _gates(result: Mapping[str, Any]) -> Iterator[str]:
    if not result.get("gates"):
        return
    yield "## Gates"
    rows = []
    for gate in result["gates"]:
        found = gates.found(gate) + (f" ({gate['reason']})" if gate.get("reason") else "")
        verdict = f"{words.SIGNS.get(gate['verdict'], '')} {gate['verdict']}"
        told = (verdict, gates.subject(gate), gates.asked(gate), found, gates.counted(gate))
        rows.append([*map(_text, told)])
    yield _table(["verdict", "figure", "asked", "found", "over"], rows)


def _sides(report: Mapping[str, Any]) -> str:
    head = ["", report["result"].get("main_figure") or "", "answers the same", "parameters", "size"]
    rows = [
        [
            _text(f"{side['name']} ({side['status']})" if side["status"] else side["name"]),
            *(_text(side[what]) for what in ("figure", "same", "parameters", "size", "p50", "p95", "memory")),
        ]
        for side in sides(report)
    ]
    reasons = [
        f"\n\n{_text(side['name'])}: {_text(side['reason'])}." for side in sides(report) if side["reason"]
    ]
    return _table([*head, "p50, ms", "p95, ms", "memory"], rows) + "".join(reasons)


def _figure_rows(report: Mapping[str, Any]) -> list[list[str]]:
    return [
        [_text(row["figure"]), *(_text(words.number(row.get(run))) for run in columns(report))]
        for row in report["table"]
    ]


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
                words.number(seed["student"]),
                *(words.number(seed[name]) for name in controls),
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
                    *(_text(words.said(flip[who])) for who in ("label", "teacher", "student")),
                    words.number(flip["confidence"]),
                ]
                for flip in flips["examples"][:_FLIPS_SHOWN]
            ],
        )


def _place(flip: Mapping[str, Any]) -> str:
    return f"{flip['row']}, word {flip['word']}" if "word" in flip else str(flip["row"])


def _compression_rows(result: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, factor in result["compression"].items():
        yield [_text(name), words.number(factor)]


def _warnings(result: Mapping[str, Any]) -> Iterator[str]:
    if result["warnings"]:
        yield "## Warnings"
        yield "\n".join(f"- {_text(warning['message'])}" for warning in result["warnings"])


def _cost(report: Mapping[str, Any]) -> Iterator[str]:
    cost = report["cost"]
    if cost is None:
        return
    yield "## Cost"
    yield _table(
        ["phase", "time"],
        [[_text(each["name"]), words.duration(each["seconds"])] for each in cost["phases"]],
    )
    yield f"The training process held at most {words.size(cost['peak_memory_bytes'])} of memory."


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


def _text(value: Any) -> str:
    """Plain words: nothing that Markdown or HTML would take for its own."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|!~" else " " if c in "\r\n" else c for c in str(value))
