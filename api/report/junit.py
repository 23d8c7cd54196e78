"""The report as JUnit, for systems that show tests: a case for each gate, and one for each export."""

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from api.report import gates, words
from api.report.subject import Subject
from api.report.versions import upgraded

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Element = ElementTree.Element


def junit(report: Mapping[str, Any], subject: Subject) -> str:
    """The whole report. A gate that is inconclusive is an error, one that failed a failure; an export that
    was left out is skipped."""
    result = upgraded(report)["result"]
    cases = [_gate(gate) for gate in result.get("gates") or []]
    main = result.get("main_figure", "")
    cases += [_export(format, export, main) for format, export in (result.get("exports") or {}).items()]
    name = _text(report["asked"]["name"])
    counts = {
        "tests": str(len(cases)),
        "failures": _number_of(cases, "failure"),
        "errors": _number_of(cases, "error"),
        "skipped": _number_of(cases, "skipped"),
    }
    suites = Element("testsuites", {"name": "limbeck", **counts})
    suite = ElementTree.SubElement(suites, "testsuite", {"name": name, **counts})
    if subject.finished_at:
        suite.set("timestamp", subject.finished_at)
    properties = ElementTree.SubElement(suite, "properties")
    for key, value in (("job", subject.job_id), ("conclusion", subject.conclusion)):
        if value is not None:
            ElementTree.SubElement(properties, "property", {"name": key, "value": value})
    suite.extend(cases)
    ElementTree.SubElement(suite, "system-out").text = _text(words.distillation(result))
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, "unicode") + "\n"


def _gate(gate: Mapping[str, Any]) -> Element:
    case = Element(
        "testcase",
        {"classname": "gates", "name": _text(f"{gates.subject(gate)} {gates.asked(gate)}"), "time": "0"},
    )
    found = f"found {gates.found(gate)}"
    if over := gates.counted(gate):
        found += f", over {over}"
    if gate.get("reason"):
        found += f": {gate['reason']}"
    if gate["verdict"] == "passed":
        ElementTree.SubElement(case, "system-out").text = _text(found)
    else:
        kind = "failure" if gate["verdict"] == "failed" else "error"
        ElementTree.SubElement(case, kind, {"message": _text(found), "type": f"gate_{gate['verdict']}"})
    return case


def _export(format: str, export: Mapping[str, Any], main: str) -> Element:
    case = Element("testcase", {"classname": "exports", "name": format, "time": "0"})
    reason = _text(export.get("reason") or "no reason was told")
    match export["status"]:
        case "failed":
            ElementTree.SubElement(case, "failure", {"message": reason, "type": "export_failed"})
        case "skipped":
            ElementTree.SubElement(case, "skipped", {"message": reason})
        case _:
            said = f"{main} {words.interval(export.get(main))}, {words.size(export.get('size_bytes'))}"
            ElementTree.SubElement(case, "system-out").text = said
    return case


def _number_of(cases: list[Element], kind: str) -> str:
    return str(sum(case.find(kind) is not None for case in cases))


def _text(value: Any) -> str:
    """What XML may hold: a user's label may be any text."""
    return _NOT_IN_XML.sub("\ufffd", str(value))
