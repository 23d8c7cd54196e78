"""The report as a page: whole for every task, closed to the outside, and deaf to what users wrote."""

from html.parser import HTMLParser
from typing import Any

import pytest

from api.report.page import page
from api.report.subject import File, Subject
from api.report.words import CONCLUSIONS
from distill.config.tasks import TASKS, Task
from tests.api.seeds import REPORT
from tests.distill.report.made import INCUMBENT, Made

SUBJECT = Subject(
    "job_1",
    "gate_failed",
    "2026-11-24T14:20:31+00:00",
    [File("student", "safetensors", "student.safetensors", 400, "ab" * 32)],
)
HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=http://evil.example/x onerror=alert(1)>",
    "</title></svg></style><style>@import url(//evil.example)</style>",
    "{{ 7777 * 7 }}{% raw %}\u202edesrever javascript:alert(1)",
]
VOID = {"meta", "img", "br", "link", "input", "hr"}
LIVELY = {"script", "iframe", "object", "embed", "link", "base", "form"}
ADDRESSES = {"href", "src", "srcset", "xlink:href", "action", "formaction", "data", "poster", "background"}


class Parsed(HTMLParser):
    """The tags of a page with their attributes, what it says, and whether every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.said: list[str] = []
        self.styles: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        (self.styles if self.open and self.open[-1] == "style" else self.said).append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())


def gate(**facts: Any) -> dict[str, Any]:
    return {
        "metric": "accuracy",
        "on": "student",
        "relative_to": None,
        "compare": None,
        "min": 0.9,
        "max": None,
        "decide": "bound",
        "value": 0.8,
        "low": 0.7,
        "high": 0.85,
        "n": 60,
        "verdict": "failed",
    } | facts


def all_of_it(task: Task) -> dict[str, Any]:
    """The report of a job of hostile names, with gates and exports of every outcome."""
    made = Made(task, HOSTILE)
    report = made.report(
        gates=[gate(metric=f"per_class_accuracy.{HOSTILE[0]}", reason=HOSTILE[1]), gate(verdict="passed")],
        exports={
            "safetensors": made.export(),
            "onnx": made.export(status="failed", reason=HOSTILE[2]),
            "huggingface": made.export(status="skipped", reason="left out"),
        },
        warnings=[{"code": "odd", "message": HOSTILE[1]}],
    )
    report["asked"]["metadata"] = {"note": HOSTILE[2]}
    for flip in report["worst"]["examples"]:
        flip["example"] = {"text": HOSTILE[0], "of": 4}
    return report


@pytest.fixture(params=list(TASKS))
def task(request: pytest.FixtureRequest) -> Task:
    found: Task = request.param
    return found


def test_the_page_of_every_task_asks_for_nothing_from_outside_and_runs_nothing(task: Task) -> None:
    parsed = Parsed(page(all_of_it(task), SUBJECT))

    assert parsed.open == []
    assert not {"script", "iframe", "object", "embed", "link", "base", "form"} & {
        tag for tag, _ in parsed.tags
    }
    for tag, attributes in parsed.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ADDRESSES & attributes.keys():
            address = attributes[name] or ""
            assert address.startswith(("#", "data:image/png;base64,")), (tag, address)
        for value in attributes.values():
            assert "url(" not in (value or "")
    for style in parsed.styles:
        assert "url(" not in style
        assert "@import" not in style


def test_whatever_a_user_named_is_read_as_it_was_written(task: Task) -> None:
    text = page(all_of_it(task), SUBJECT)

    assert "<script" not in text
    assert "<img src=http" not in text
    assert "54439" not in text
    assert HOSTILE[0] in Parsed(text).text


def test_every_link_of_the_page_leads_to_a_section_and_every_picture_has_a_title(task: Task) -> None:
    parsed = Parsed(page(all_of_it(task), SUBJECT))
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]

    assert len(ids) == len(set(ids))
    for _, attributes in parsed.tags:
        if "href" in attributes:
            assert (attributes["href"] or "")[1:] in ids
        for name in ("aria-labelledby",):
            assert set((attributes.get(name) or "").split()) <= set(ids)
    pictures = [attributes for tag, attributes in parsed.tags if tag == "svg"]
    assert pictures
    for attributes in pictures:
        assert "aria-labelledby" in attributes or attributes.get("aria-hidden") == "true"
    images = [attributes for tag, attributes in parsed.tags if tag == "img"]
    assert all(attributes.get("alt") for attributes in images)


@pytest.mark.parametrize("conclusion", CONCLUSIONS)
def test_the_page_says_first_what_came_of_the_job(conclusion: str) -> None:
    said = Parsed(page(Made("tabular-classification").report(), Subject("job_1", conclusion))).text

    assert said.index(conclusion.replace("gate_inc", "inc").replace("_", " ")) < 400


def test_gates_and_exports_stand_with_their_verdicts_figures_and_reasons() -> None:
    said = Parsed(page(all_of_it("tabular-classification"), SUBJECT)).text

    assert "✗ failed" in said
    assert "✓ passed" in said
    assert "at least 0.9" in said
    assert "0.8 [0.7, 0.85]" in said
    assert "left out" in said
    assert "limbeck pull job_1 -o student --format onnx" in said


def test_the_model_that_a_gate_names_stands_beside_the_student_under_the_name_that_its_user_gave() -> None:
    baseline = {"model": INCUMBENT, "name": "digits", "version": 3}
    made = Made("tabular-classification", incumbent=True)
    report = made.report(gates=[gate(relative_to="digits@prod", compare="ratio", baseline=baseline)])

    text = page(report, SUBJECT)

    found = report["main_figures"][INCUMBENT]
    assert found["low"] <= made.measured[INCUMBENT].figures["accuracy"] <= found["high"]
    assert '<th scope="row">digits@prod (version 3)' in text


def test_a_report_of_an_older_version_still_has_a_page() -> None:
    older = REPORT | {
        "temperature": {
            "example": 3,
            "labels": ["a", "b"],
            "temperatures": [1.0, 2.0],
            "probabilities": [[0.1, 0.9], [0.3, 0.7]],
        }
    }

    said = Parsed(page(older, Subject("job_1"))).text

    assert "Distillation helped" in said
    assert "90%" in said


def test_a_job_of_several_seeds_shows_the_one_that_was_shipped() -> None:
    seeds = [
        {"seed": 7, "run": "student", "student": 0.8, "control": 0.7, "shipped": False},
        {"seed": 8, "run": "student.seed2", "student": 0.9, "control": 0.7, "shipped": True},
    ]
    report = Made("tabular-classification").report(seeds=seeds)
    for name in ("student", "control"):
        of_first = [curve for curve in report["curves"] if curve["run"] == name]
        report["curves"] += [curve | {"run": f"{name}.seed2"} for curve in of_first]

    text = page(report, SUBJECT)

    assert "✓ this one" in text
    assert 'class="line student minor"' in text
    assert text.index("<title>student.seed2</title>") > text.index("<title>student</title>")


def test_a_job_without_a_control_says_why_nothing_is_known_about_help() -> None:
    said = Parsed(page(Made("feature-extraction").report(), SUBJECT)).text

    assert "Whether distillation helped was not measured: there are no labels" in said
