"""A batch in the parts in which it is computed."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from distill.lesson import Lesson
from distill.losses.counts import counts, portions
from distill.losses.terms import Over
from distill.preprocess import Inputs


@dataclass(frozen=True)
class Part:
    """Some examples of a batch, computed by themselves."""

    rows: Tensor
    """In the train split, int64 (B,)."""
    inputs: Inputs
    labels: Tensor
    """Of the judged rows."""
    portions: Mapping[Over, Tensor] | None
    """How much of the whole batch it holds of each thing that a term may average over; None where it is
    the whole batch."""

    @property
    def mask(self) -> Tensor | None:
        """bool (B, L): where a token is no padding. None where there are no tokens."""
        return self.inputs["attention_mask"].bool() if isinstance(self.inputs, dict) else None

    def holds(self, over: Over) -> bool:
        """Whether there is anything of that to average over: a batch of a few labels may have none."""
        return bool(counts(self.labels, self.mask, examples=len(self.rows))[over] > 0)

    def share_of(self, loss: Tensor, over: Over) -> Tensor:
        """What a loss, as it is averaged in this part, adds to that of the whole batch."""
        return loss if self.portions is None else loss * self.portions[over]


def parts_of(lesson: Lesson, number: int) -> list[Part]:
    """The batch of update `number` in as many parts as the lesson accumulates."""
    parts = []
    for rows in lesson.order.batch(number).chunk(lesson.training.accumulate):
        inputs, labels = lesson.train.batch(rows)
        parts.append(Part(rows, inputs, lesson.science.row_labels(labels, inputs), None))
    if len(parts) == 1:
        return parts
    held = [counts(part.labels, part.mask, examples=len(part.rows)) for part in parts]
    return [
        Part(part.rows, part.inputs, part.labels, portion)
        for part, portion in zip(parts, portions(held), strict=True)
    ]
