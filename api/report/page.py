"""`report.json` as one page of HTML: no script, nothing from outside, and every word of a user's escaped."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from api.report import asked as briefly
from api.report import gates, loading, losses, sides, words
from api.report.charts import answers, curves
from api.report.charts.shapes import Chart, mark
from api.report.charts.sides import main_figure, names
from api.report.subject import Subject
from api.report.versions import upgraded

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What a browser may do with the page: show it. It stands in the page too, for one that is kept as a file."""


def page(report: Mapping[str, Any], subject: Subject) -> str:
    """The whole report."""
    newest = upgraded(report)
    return _template().render(
        report=newest,
        result=newest["result"],
        asked=newest["asked"],
        subject=subject,
        policy=POLICY,
        charts=_charts(newest),
        tiles=list(_tiles(newest)),
        sides=sides.sides(newest),
        comparisons=list(sides.comparisons(newest["result"])),
        stages=losses.stages(newest),
        exports=list(_exports(newest, subject)),
        briefly=list(briefly.asked(newest["asked"])),
        document=json.dumps(newest["asked"], indent=2, ensure_ascii=False),
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(words=words, gates=gates, losses=losses, mark=mark)
    return environment.get_template("report.html")


def _charts(report: Mapping[str, Any]) -> dict[str, Any]:
    """The pictures, by the section that they stand in."""
    values, cost = report["values"] or {}, report["cost"]
    picture, confusion = report["temperature"], report["confusion"] or {}
    charts: dict[str, list[Chart]] = {
        "curves": curves.curves(report),
        "reliability": [answers.reliability(*each) for each in (report["calibration"] or {}).items()],
        "scatter": [answers.scatter(each, number) for number, each in enumerate(values.get("outputs") or [])],
    }
    single = {
        "main": main_figure(report),
        "temperature": answers.temperature(picture) if picture else None,
        "names": names(report["per_name"]) if report["per_name"] else None,
        "matrix": answers.matrix(confusion) if "counts" in confusion else None,
        "likeness": answers.histogram(values["likeness"]) if "likeness" in values else None,
        "phases": answers.spans(cost["phases"]) if cost else None,
    }
    return charts | single


def _tiles(report: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The few figures that say most."""
    result = report["result"]
    main, student, factors = result.get("main_figure"), result["student"], result["compression"]
    if main is not None:
        around = (report["main_figures"] or {}).get("student") or {"value": student[main]}
        yield {"name": main, "value": words.number(student[main]), "note": _range(around)}
    for name in ("retention", "gain"):
        estimate = result.get(name)
        if estimate and estimate.get("value") is not None:
            said = words.share if name == "retention" else "{:+.3g}".format
            yield {
                "name": "of the teacher kept" if name == "retention" else "gain over the control",
                "value": said(estimate["value"]),
                "note": _range(estimate, said),
            }
    yield {
        "name": "size",
        "value": words.size(student["size_bytes"]),
        "note": f"{words.number(factors['size'])} times smaller",
    }
    if student.get("latency_ms"):
        yield {
            "name": "latency, p50",
            "value": f"{words.milliseconds(student['latency_ms']['p50'])} ms",
            "note": f"{words.number(factors['speedup'])} times quicker" if factors.get("speedup") else "",
        }


def _range(estimate: Mapping[str, Any], said: Callable[[float], str] = words.number) -> str:
    if estimate.get("low") is None:
        return "measured on test"
    return f"95%: {said(estimate['low'])} to {said(estimate['high'])}"


def _exports(report: Mapping[str, Any], subject: Subject) -> Iterator[dict[str, Any]]:
    for format, export in (report["result"].get("exports") or {}).items():
        files = subject.of_export(format)
        yield {
            "format": format,
            "entry": export,
            "facts": list(loading.facts(export)),
            "files": files,
            "fetching": loading.fetching(subject.job_id, format),
            "loading": loading.loading(format, export, files, report["asked"]["task"]),
        }
