"""Who is meant by student and teacher, where a third one stands between them."""

import pytest

from distill.config.document import parse_job
from distill.rejection import Rejected
from distill.tuition import tuitions
from tests.distill.layers.networks import cnn, inside


def refused(student: str, teacher: str, *, depth: int) -> Rejected:
    """Why a student of so many weight layers, an assistant of 4 and a teacher of 7 cannot compare these."""
    document = parse_job(
        {
            "name": "x",
            "task": "image-classification",
            "teacher": "t",
            "dataset": "d",
            "via": {"architecture": "cnn"},
            "student": {"architecture": "cnn"},
            "losses": [{"kind": "hint", "layers": [{"student": student, "teacher": teacher}]}],
        }
    )
    with pytest.raises(Rejected) as caught:
        tuitions(document, student=inside(cnn(depth)), teacher=inside(cnn(7)), assistant=inside(cnn(4)))
    return caught.value


def test_a_layer_that_only_the_teacher_has_is_asked_of_the_assistant_and_the_user_is_told() -> None:
    error = refused("blocks.1", "blocks.5", depth=3)
    assert error.details == {"pointer": "/losses/0/layers/0/teacher"}
    assert error.hint is not None
    assert error.hint.endswith("the teacher is here the assistant of /via")


def test_a_layer_that_only_the_student_has_is_asked_of_the_assistant_and_the_user_is_told() -> None:
    error = refused("blocks.5", "blocks.2", depth=7)
    assert error.details == {"pointer": "/losses/0/layers/0/student"}
    assert error.hint is not None
    assert error.hint.endswith("the student is here the assistant of /via")
