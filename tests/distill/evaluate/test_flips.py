"""Where student and teacher differ in what is right."""

import torch
from torch import Tensor

from distill.config.tasks import Task
from distill.evaluate.flips import flips
from distill.evaluate.measure import Rows
from distill.tasks import science_of

SURE, UNSURE = 5.0, 1.0


def rows(task: Task, labels: Tensor, *, examples: Tensor | None = None) -> Rows:
    each = torch.arange(len(labels)) if examples is None else examples
    return Rows(science_of(task), ["cat", "dog"], labels, each)


def says(*logits: float) -> Tensor:
    """Two logits a row: above zero for a dog, below for a cat."""
    return torch.tensor([[-value, value] for value in logits])


def test_each_side_is_counted_and_the_surest_mistake_comes_first() -> None:
    labels = torch.tensor([0, 0, 1, 1, -1])
    student = says(UNSURE, SURE, SURE, SURE, SURE)
    teacher = says(-SURE, -SURE, SURE, -SURE, -SURE)

    found = flips(student, teacher, rows("image-classification", labels), torch.tensor([10, 11, 12, 13, 14]))

    assert found is not None
    assert found["teacher_right_student_wrong"] == 2
    assert found["student_right_teacher_wrong"] == 1
    assert [flip["row"] for flip in found["examples"]] == [11, 10]
    worst = found["examples"][0]
    assert (worst["label"], worst["teacher"], worst["student"]) == ("cat", "cat", "dog")
    assert worst["confidence"] > 0.999


def test_twenty_examples_are_enough() -> None:
    labels = torch.zeros(50, dtype=torch.int64)

    found = flips(
        says(*[SURE] * 50), says(*[-SURE] * 50), rows("image-classification", labels), torch.arange(50)
    )

    assert found is not None
    assert found["teacher_right_student_wrong"] == 50
    assert len(found["examples"]) == 20


def test_a_word_is_found_by_its_text_and_its_place() -> None:
    labels = torch.tensor([0, 0, 0])
    judged = rows("token-classification", labels, examples=torch.tensor([0, 1, 1]))

    found = flips(says(-SURE, -SURE, SURE), says(-SURE, -SURE, -SURE), judged, torch.tensor([100, 200]))

    assert found is not None
    (flip,) = found["examples"]
    assert (flip["row"], flip["word"]) == (200, 1)


def test_sets_are_told_by_their_names() -> None:
    labels = torch.tensor([[1, 0]], dtype=torch.int8)
    student, teacher = torch.tensor([[2.0, 3.0]]), torch.tensor([[2.0, -3.0]])

    found = flips(student, teacher, rows("multi-label-classification", labels), torch.tensor([5]))

    assert found is not None
    (flip,) = found["examples"]
    assert (flip["label"], flip["teacher"], flip["student"]) == (["cat"], ["cat"], ["cat", "dog"])


def test_of_numbers_nothing_is_simply_right() -> None:
    labels = torch.tensor([[1.0], [2.0]])

    assert flips(labels, labels, rows("regression", labels), torch.arange(2)) is None
