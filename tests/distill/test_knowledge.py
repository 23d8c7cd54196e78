"""What the teacher says of the train split, asked for batch by batch or once and for all."""

from typing import Any

import pytest
import torch

from distill.config.training import Training
from distill.knowledge import Live, gathered, is_worth_it
from distill.teachers import FrozenTeacher
from distill.train import train
from tests.distill.clouds import CLASSES, learner, lesson, network, view, weights

TRAINING = Training(steps=12, batch_size=16)


def test_what_was_gathered_is_what_the_teacher_says_of_these_rows() -> None:
    seen, teacher = view(600), FrozenTeacher(network(seed=5))
    rows = torch.tensor([599, 3, 3, 256])

    knowledge = gathered(teacher, seen, TRAINING, after=lambda _: None)

    inputs, _ = seen.batch(rows)
    torch.testing.assert_close(knowledge(rows, inputs).outputs, teacher(inputs).outputs)
    assert not knowledge(rows, inputs).taps


def test_a_student_learns_the_same_from_both() -> None:
    seen, teacher = view(90), FrozenTeacher(network(seed=5))
    ends = []
    for teaching in (Live(teacher, seen), gathered(teacher, seen, TRAINING, after=lambda _: None)):
        taught = lesson(TRAINING, teacher=teaching)
        student = learner(taught)
        list(train(taught, student))
        ends.append(torch.cat([weight.flatten() for weight in student.module.parameters()]))

    torch.testing.assert_close(*ends)


def test_another_attempt_gathers_the_same_bits() -> None:
    seen, rows = view(600), torch.arange(600)

    one, other = (
        gathered(FrozenTeacher(network(seed=5)), seen, TRAINING, after=lambda _: None) for _ in range(2)
    )

    inputs, _ = seen.batch(rows)
    assert one(rows, inputs).outputs.equal(other(rows, inputs).outputs)


def test_each_example_is_asked_for_once_and_told_of() -> None:
    seen, teacher, sizes, told = view(600), FrozenTeacher(network(seed=5)), [], []
    teacher.network.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))

    gathered(teacher, seen, TRAINING, after=told.append)

    assert sum(sizes) == 600
    assert told == [256, 512, 600]


@pytest.mark.parametrize(
    ("asked", "outputs", "worth"),
    [(179, CLASSES, False), (180, CLASSES, True), (180, 2**30, False)],
    ids=["less than twice", "twice", "no room"],
)
def test_gathering_is_worth_it_where_each_example_is_asked_for_twice_and_all_find_room(
    asked: int, outputs: int, worth: bool
) -> None:
    assert is_worth_it(view(90), outputs=outputs, asked=asked) == worth


def test_words_are_never_gathered() -> None:
    seen: Any = view(90)
    object.__setattr__(seen, "task", "token-classification")

    assert not is_worth_it(seen, outputs=CLASSES, asked=10_000)


def test_a_live_teacher_listens_to_the_layers_of_its_lesson_alone() -> None:
    seen, teacher = view(90), FrozenTeacher(network(seed=5))
    first, second = Live(teacher, seen, ["0", "2"]), Live(teacher, seen, ["1"])
    rows = torch.arange(4)
    inputs, _ = seen.batch(rows)

    assert set(first(rows, inputs).taps) == {"0", "2"}
    assert set(first(rows, inputs).taps) == {"0", "2"}
    assert set(second(rows, inputs).taps) == {"1"}
    assert weights(teacher) == weights(network(seed=5))
