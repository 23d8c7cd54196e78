"""What the teacher says of the train split: asked batch by batch, or once and for all."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from distill.batches import RESIDENT_BYTES, View
from distill.config.training import Training
from distill.losses.numerics import at_least_float32
from distill.losses.terms import Answer
from distill.precision import reduced_precision
from distill.preprocess import Inputs
from distill.tasks import science_of
from distill.teachers import Teacher

AT_ONCE = 256


class Live:
    """Asks the teacher about each batch as it comes; `layers` are those that the terms look at."""

    def __init__(self, teacher: Teacher, view: View, layers: Sequence[str] = ()) -> None:
        self._teacher = teacher
        self._science = science_of(view.task)
        self._layers: Sequence[str] | None = layers

    def __call__(self, rows: Tensor, inputs: Inputs) -> Answer:
        if self._layers is not None:  # an earlier lesson may have listened to others
            self._teacher.listen_to(self._layers)
            self._layers = None
        answer: Answer = self._teacher(inputs)
        return Answer(self._science.rows(answer.outputs, inputs), answer.taps)


class Knowledge:
    """The teacher's outputs of every example of train, float32 (n, outputs)."""

    def __init__(self, outputs: Tensor) -> None:
        self._outputs = outputs

    def __call__(self, rows: Tensor, inputs: Inputs) -> Answer:
        return Answer(self._outputs[rows.to(self._outputs.device)].to(_device_of(inputs)))


def gathered(teacher: Teacher, view: View, training: Training, *, after: Callable[[int], None]) -> Knowledge:
    """Ask `teacher` about every example of `view` once. `after` is called with the examples behind.

    The examples come in their own order and in batches of one size, so that another attempt at the
    same job gets the same bits.
    """
    live, outputs = Live(teacher, view), []
    for rows in torch.split(torch.arange(len(view)), AT_ONCE):
        inputs, _ = view.batch(rows)
        with reduced_precision(training, view.device):
            answer = live(rows, inputs)
        outputs.append(at_least_float32(answer.outputs))
        after(int(rows[-1]) + 1)
    return Knowledge(torch.cat(outputs))


def is_worth_it(view: View, *, outputs: int, asked: int) -> bool:
    """Whether to gather the answers that will be `asked` for, counted in examples: where each is asked
    for twice or more, is one answer an example, and all of them find room beside the split."""
    rows_are_examples = science_of(view.task).target != "tag"
    return rows_are_examples and asked >= 2 * len(view) and 4 * outputs * len(view) <= RESIDENT_BYTES


def _device_of(inputs: Inputs) -> torch.device:
    return inputs.device if isinstance(inputs, Tensor) else inputs["input_ids"].device
