"""What `docs/distill.md` says of terms, teachers and tasks is what the service knows of them."""

import re
from typing import Any, get_args

import pytest

from distill.config.document import parse_job
from distill.config.job import JobDocument
from distill.config.losses import SHORT_NAMES, LayerTerm, LogitTerm
from distill.config.section import Section
from distill.config.tasks import TASKS
from distill.config.teachers import Mutual, SelfTaught, TeacherToTrain
from tests.docs.examples import DOCUMENTS, PAGE

TERMS: tuple[type[Section], ...] = (*get_args(LogitTerm), *get_args(LayerTerm))
ROW = re.compile(r"^\| `(\w+)`(?: \(`(\w+)`\))? \|.*$", re.MULTILINE)


def rows_of_terms() -> list[re.Match[str]]:
    """The rows of the tables of terms: kind and short name."""
    return list(ROW.finditer(PAGE.read_text().split("## Who teaches")[0]))


def parsed() -> list[JobDocument]:
    return [parse_job(document) for document in DOCUMENTS.values()]


def kind_of(term: type[Section]) -> str:
    return str(term.model_fields["kind"].default)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_of_the_page_can_be_a_job(name: str) -> None:
    parse_job(DOCUMENTS[name])


def test_every_term_has_its_row_with_its_short_name() -> None:
    rows = {row[1]: row[2] for row in rows_of_terms()}
    short = {kind: name for name, kind in SHORT_NAMES.items()}
    assert rows == {kind_of(term): short.get(kind_of(term)) for term in TERMS}


@pytest.mark.parametrize("term", TERMS, ids=kind_of)
def test_the_row_of_a_term_names_each_default(term: type[Section]) -> None:
    (row,) = (row[0] for row in rows_of_terms() if row[1] == kind_of(term))
    numbers = {float(number) for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]*,? 20\d\d)", row)}
    for name, field in term.model_fields.items():
        for value in field.default if isinstance(field.default, list) else [field.default]:
            if isinstance(value, float):
                assert value in numbers, (name, value, row)


def test_every_term_is_used_in_an_example() -> None:
    used = {loss.kind for document in parsed() for stage in document.course for loss in stage.losses}
    assert used == {kind_of(term) for term in TERMS}


def test_every_way_to_have_a_teacher_is_in_an_example() -> None:
    kinds = {type(document.teacher) for document in parsed() if document.teacher is not None}
    assert kinds == {str, TeacherToTrain, Mutual, SelfTaught}
    assert any(document.teachers for document in parsed())
    assert any(document.via for document in parsed())


def test_every_way_to_start_a_student_is_in_an_example() -> None:
    students: list[dict[str, Any]] = [document.student.model_dump() for document in parsed()]
    for way in ("architecture", "huggingface", "from_teacher", "model"):
        assert any(student[way] is not None for student in students), way


def test_every_task_has_its_row_with_its_main_figure() -> None:
    page = PAGE.read_text()
    table = page[page.index("| task | a label is |") :].split("\n\n")[0]
    rows = [row.split("|") for row in table.splitlines()[2:]]
    classes = {"image-", "text-", "tabular-classification"}
    for task, facts in TASKS.items():
        name = "image-" if facts.target == "class" else task
        (row,) = (row for row in rows if f"`{name}`" in row[1])
        assert f"`{facts.main_figure}`" in row[3], task
        assert facts.target != "class" or all(f"`{each}`" in row[1] for each in classes)
