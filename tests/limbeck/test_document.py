from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.document import Document, DocumentUnreadable, Place, read

TEXT = """\
version: 1
name: digits
losses:
  - {kind: soft_target, temperature: 0}
  - kind: hard_target
    weight: 1e-1
gates:
  - {metric: accuracy, on: student, min: 0.9}
training:
  optimizer:
    learning_rate: 3e-4
metadata: {started: 2026-01-01, loud: yes}
"""


def document(text: str = TEXT) -> Document:
    return read(Path("job.yaml"), text)


@pytest.mark.parametrize(
    ("pointer", "place"),
    [
        ("/name", Place(2, 1)),
        ("/losses/0/temperature", Place(4, 25)),
        ("/losses/1/weight", Place(6, 5)),
        ("/losses/1", Place(5, 5)),
        ("/gates/0/on", Place(8, 24)),
        ("/training/optimizer/learning_rate", Place(11, 5)),
        ("", Place(1, 1)),
    ],
)
def test_a_pointer_is_a_place_in_the_file(pointer: str, place: Place) -> None:
    assert document().place(pointer) == place


def test_what_is_missing_points_at_what_should_hold_it() -> None:
    assert document().place("/training/optimizer/kind") == Place(10, 3)
    assert document().place("/student") == Place(1, 1)


def test_escaped_pointers_are_read() -> None:
    assert document("metadata:\n  a/b~c: 1\n").place("/metadata/a~1b~0c") == Place(2, 3)


def test_words_mean_what_they_say() -> None:
    content = document().content

    assert content["gates"][0]["on"] == "student"
    assert content["metadata"] == {"started": "2026-01-01", "loud": "yes"}
    assert content["training"]["optimizer"]["learning_rate"] == 0.0003
    assert content["losses"][1]["weight"] == 0.1


def test_set_changes_a_value_anywhere() -> None:
    changed = document().with_value("training.epochs=5").with_value("losses.0.temperature=2.5")

    assert changed.content["training"] == {"optimizer": {"learning_rate": 0.0003}, "epochs": 5}
    assert changed.content["losses"][0]["temperature"] == 2.5
    assert document().content["losses"][0]["temperature"] == 0


def test_what_set_brought_has_no_place_in_the_file() -> None:
    changed = document().with_value("student={architecture: cnn}")

    assert changed.place("/student/architecture") is None
    assert changed.place("/name") == Place(2, 1)


@pytest.mark.parametrize("assignment", ["epochs", "=5", "a..b=1", "losses.7.weight=1", "name.first=x"])
def test_an_assignment_that_fits_nowhere_is_refused(assignment: str) -> None:
    with pytest.raises(DocumentUnreadable, match="--set"):
        document().with_value(assignment)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: a\nname: b\n", "job.yaml:2:1: 'name' is given twice"),
        ("name: [1, 2\n", r"job.yaml:2:1: "),
        ("- a\n", "is a mapping"),
        ("", "is a mapping"),
        ("a: &x [*x]\n", "an alias holds itself"),
        ("a: !!python/object:os.system {}\n", "job.yaml:1:4: could not determine a constructor"),
    ],
)
def test_what_is_no_document_is_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises(DocumentUnreadable, match=says):
        document(text)


@given(st.text(max_size=60))
def test_any_text_is_a_document_or_a_sentence(text: str) -> None:
    try:
        found = document(text)
    except DocumentUnreadable:
        return
    assert isinstance(found.content, dict)
