"""Jobs and their results as tables for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from limbeck import verdicts
from limbeck.grid import grid
from limbeck.objects import Dataset, Job, Model, Plan

_STYLES = {"succeeded": "green", "ready": "green", "failed": "red", "rejected": "red", "cancelled": "yellow"}
_RUNS = ("teacher", "student", "control")


def jobs(listed: list[Job]) -> RenderableType:
    table = grid("id", "name", "status", "phase", "done", "conclusion", "created")
    for job in listed:
        table.add_row(
            job["id"],
            job["name"],
            _status(job["status"]),
            job.get("phase") or "",
            _percent((job.get("progress") or {}).get("fraction")),
            job.get("conclusion") or "",
            job["created_at"],
        )
    return table


def inputs(listed: Sequence[Model] | Sequence[Dataset]) -> RenderableType:
    table = grid("id", "name", "version", "status", "task", "created")
    for found in listed:
        table.add_row(
            found["id"],
            found["name"],
            str(found.get("version", "")),
            _status(found["status"]),
            found.get("task") or "",
            found["created_at"],
        )
    return table


def job(found: Job) -> RenderableType:
    """One job: where it stands, why it failed, what came of it."""
    lines = _facts(
        ("id", found["id"]),
        ("name", found["name"]),
        ("status", _status(found["status"])),
        ("waits for", (found.get("queue") or {}).get("reason")),
        ("phase", found.get("phase")),
        ("done", _percent((found.get("progress") or {}).get("fraction"))),
        ("conclusion", found.get("conclusion")),
        ("attempts", str(found.get("attempt", 0))),
        ("created", found["created_at"]),
        ("finished", found.get("finished_at")),
    )
    parts: list[RenderableType] = [lines]
    if error := found.get("error"):
        place = f" at {error['pointer']}" if error.get("pointer") else ""
        parts.append(Text(f"{error['class']}{place}: {error['message']}", style="red"))
        if error.get("hint"):
            parts.append(Text(error["hint"]))
    if result := found.get("result"):
        parts.append(results(result))
        parts += verdicts.exports(result.get("exports") or {}, result.get("main_figure", "accuracy"))
        parts += verdicts.gates(result.get("gates") or [])
    return Group(*parts)


def plan(found: Plan) -> RenderableType:
    """What a dry run found."""
    student, estimate = found.get("student") or {}, found.get("estimate") or {}
    lines = _facts(
        ("student parameters", _count(student.get("parameters"))),
        ("student bytes", _count(student.get("size_bytes"))),
        ("fits memory", "yes" if found.get("fits_memory") else "no"),
        *((name.replace("_", " "), str(value)) for name, value in estimate.items()),
        *_layers((found.get("resolved_spec") or {}).get("stages") or []),
    )
    return Group(lines, *_warnings(found.get("warnings")))


def _layers(stages: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Which layers each term compares, student's with teacher's."""
    for stage in stages:
        for term in stage["losses"]:
            if isinstance(pairs := term.get("layers"), list):
                compared = ", ".join(f"{pair['student']} with {pair['teacher']}" for pair in pairs)
                yield f"{stage['name']}: {term['kind'].replace('_', ' ')}", compared


def one_input(found: Mapping[str, Any]) -> RenderableType:
    """One model or dataset."""
    lines = _facts(
        ("id", found["id"]),
        ("name", found["name"]),
        ("version", str(found.get("version", ""))),
        ("status", _status(found["status"])),
        ("task", found.get("task")),
        ("architecture", found.get("architecture")),
        ("parameters", _count(found.get("parameters"))),
        ("labels", ", ".join(found.get("labels") or [])),
        ("aliases", ", ".join(found.get("aliases") or [])),
        ("made by", found.get("job_id")),
        ("conclusion", (found.get("conclusion") or "").replace("_", " ")),
        *_splits(found.get("splits")),
    )
    problem = found.get("problem")
    if not problem:
        return lines
    said = [Text(str(problem.get("message") or problem.get("detail")), style="red")]
    if problem.get("hint"):
        said.append(Text(problem["hint"]))
    return Group(lines, *said)


def results(result: dict[str, Any]) -> RenderableType:
    """Teacher, student and control side by side, and what the teacher's word was worth."""
    table = grid("", *(run for run in _RUNS if result.get(run)))
    runs = [result[run] for run in _RUNS if result.get(run)]
    for figure in _figures_of_task(result):
        table.add_row(figure.replace("_", " "), *(_figure(run.get(figure)) for run in runs))
    table.add_row("labels used", *(_count(run.get("labels_used")) for run in runs))
    table.add_row("parameters", *(_count(run.get("parameters")) for run in runs))
    table.add_row("bytes", *(_count(run.get("size_bytes")) for run in runs))
    table.add_row("latency p50, ms", *(_milliseconds(run.get("latency_ms")) for run in runs))
    verdict = _facts(
        ("distillation", str(result.get("distillation", "")).replace("_", " ")),
        ("gain over the control", _interval(result.get("gain"), sign="+")),
        ("gap closed", _interval(result.get("gap_closed"))),
        ("retention", _interval(result.get("retention"))),
        ("agreement with the teacher", _figure(result.get("agreement"))),
        *_over_argmax(result),
        *_flips(result.get("flips")),
    )
    return Group(table, *_seeds(result.get("seeds")), verdict, *_warnings(result.get("warnings")))


def _figures_of_task(result: dict[str, Any]) -> list[str]:
    """What the student was measured by, the main figure first; counts and costs are shown elsewhere."""
    main = result.get("main_figure", "accuracy")
    others = [name for name, value in result["student"].items() if isinstance(value, float) and name != main]
    return [main, *others]


def _over_argmax(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The second control, where there is one."""
    if not (result.get("controls") or {}).get("teacher_argmax"):
        return []
    return [("gain over the teacher's top class", _interval(result["gain_over_teacher_argmax"], sign="+"))]


def _flips(flips: dict[str, Any] | None) -> list[tuple[str, str]]:
    if not flips:
        return []
    return [
        ("teacher right, student wrong", _count(flips["teacher_right_student_wrong"])),
        ("student right, teacher wrong", _count(flips["student_right_teacher_wrong"])),
    ]


def _seeds(seeds: list[dict[str, Any]] | None) -> list[Table]:
    """Each student of a job that trained several."""
    if not seeds or len(seeds) < 2:
        return []
    table = grid("seed", "student", "control", "")
    for each in seeds:
        shipped = "shipped" if each["shipped"] else ""
        table.add_row(str(each["seed"]), _figure(each["student"]), _figure(each.get("control")), shipped)
    return [table]


def _warnings(warnings: list[dict[str, str]] | None) -> list[Text]:
    return [Text(f"warning: {warning['message']}", style="yellow") for warning in warnings or []]


def _facts(*facts: tuple[str, str | Text | None]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        if value:
            table.add_row(name, value)
    return table


def _splits(splits: dict[str, Any] | None) -> list[tuple[str, str]]:
    return [(name, f"{_count(split['examples'])} examples") for name, split in (splits or {}).items()]


def _status(status: str) -> Text:
    return Text(status, style=_STYLES.get(status, ""))


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{fraction:.0%}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}" if abs(value) < 1000 else f"{value:,.0f}"


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _milliseconds(latency: dict[str, float] | None) -> str:
    return f"{latency['p50']:.3f}" if latency and latency.get("p50") is not None else "-"


def _interval(figure: dict[str, Any] | None, *, sign: str = "") -> str:
    """`0.116  (0.081 to 0.152)`, or why there is none."""
    if not figure:
        return "not measured"
    if figure.get("value") is None:
        return f"none: {figure.get('reason') or 'not measured'}"
    low, high = figure.get("low"), figure.get("high")
    between = "" if low is None or high is None else f"  ({low:{sign}.3f} to {high:{sign}.3f})"
    return f"{figure['value']:{sign}.3f}{between}"
