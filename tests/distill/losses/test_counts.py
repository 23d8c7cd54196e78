"""A batch in parts teaches what the whole batch does."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from distill.config.losses import HardTarget
from distill.config.tasks import Target
from distill.losses.counts import counts, portions
from distill.losses.labels import is_labeled
from distill.losses.terms import Answer, Moment, Over, Pace, logit_term
from tests.distill.losses.every import EVERY, EXAMPLES, MASK, Batch, Case, gradient

DIVISIBLE = {name: case for name, case in EVERY.items() if case.averages_over != "batch"}
INDIVISIBLE = {name: case for name, case in EVERY.items() if case.averages_over == "batch"}
NAN = float("nan")

cuts = st.sets(st.integers(1, EXAMPLES - 1)).map(lambda at: [0, *sorted(at), EXAMPLES])
seeds = st.integers(0, 2**31)
few = settings(max_examples=25)  # of each of many losses


def parts_of(rows: list[int]) -> list[Tensor]:
    return [torch.arange(start, end) for start, end in pairwise(rows)]


def in_parts(
    loss: Callable[[Batch], Tensor], batch: Batch, over: Over, rows: list[int]
) -> Callable[[Batch], Tensor]:
    """The loss as the sum of those of the parts."""
    parts = parts_of(rows)
    weights = portions([counts(batch.labels[part], MASK[part], examples=len(part)) for part in parts])
    return lambda whole: torch.stack(
        [loss(whole.at(part)) * weight[over] for part, weight in zip(parts, weights, strict=True)]
    ).sum()


@pytest.mark.parametrize("case", DIVISIBLE.values(), ids=DIVISIBLE.keys())
@few
@given(seed=seeds, rows=cuts)
def test_a_batch_in_parts_has_the_loss_and_the_gradient_of_the_whole(
    case: Case, seed: int, rows: list[int]
) -> None:
    batch = case.batch(seed)
    summed = in_parts(case.loss, batch, case.averages_over, rows)

    assert summed(batch).item() == pytest.approx(case.loss(batch).item(), rel=1e-12)
    torch.testing.assert_close(gradient(summed, batch), gradient(case.loss, batch), rtol=1e-9, atol=1e-12)


LABELS: dict[Target, Tensor] = {
    "class": torch.tensor([0, -1, -1, 2, -1, 1]),
    "tag": torch.tensor([-1, -1, -1, 2, 3, 1]),
    "label_set": torch.tensor([[1, 0, 0, 1, 0], *[[-1] * 5] * 4, [0, 0, 0, 0, 0]], dtype=torch.int8),
    "number": torch.tensor([*[[NAN] * 5] * 3, [1.0, 2.0, 3.0, 4.0, 5.0], *[[NAN] * 5] * 2]),
}


@pytest.mark.parametrize("target", LABELS)
@few
@given(seed=seeds, rows=cuts)
def test_labels_that_lie_unevenly_in_the_parts_count_as_in_the_whole(
    target: Target, seed: int, rows: list[int]
) -> None:
    hard = logit_term(HardTarget(), target=target)
    given_batch = EVERY["soft_target"].batch(seed)
    batch = Batch(given_batch.student, given_batch.teacher, LABELS[target], MASK)

    def loss(part: Batch) -> Tensor:
        return hard.loss(Moment(Answer(part.student), None, part.labels, None, 1, Pace(1, 1.0)))

    summed = in_parts(loss, batch, hard.averages_over, rows)

    assert summed(batch).item() == pytest.approx(loss(batch).item(), rel=1e-12)
    torch.testing.assert_close(gradient(summed, batch), gradient(loss, batch), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", INDIVISIBLE.values(), ids=INDIVISIBLE.keys())
def test_a_loss_that_compares_examples_is_another_one_in_parts(case: Case) -> None:
    batch = case.batch()
    summed = in_parts(case.loss, batch, case.averages_over, [0, 3, EXAMPLES])

    assert summed(batch).item() != pytest.approx(case.loss(batch).item(), rel=1e-3)


def test_a_part_holds_words_texts_tokens_and_pairs_of_tokens() -> None:
    mask = torch.tensor([[True, True, True, False], [True, False, False, False]])
    words = torch.tensor([4, -1, 0])

    held = counts(words, mask, examples=2)

    assert {over: int(count) for over, count in held.items()} == {
        "rows": 3,
        "labeled_rows": 2,
        "examples": 2,
        "batch": 1,
        "tokens": 4,
        "token_pairs": 10,
    }


def test_without_tokens_none_are_counted() -> None:
    assert "tokens" not in counts(torch.tensor([1]), None, examples=1)


def test_a_batch_without_any_label_has_parts_of_no_weight_instead_of_a_nan() -> None:
    nothing = counts(torch.tensor([-1]), None, examples=1)

    assert [portion["labeled_rows"].item() for portion in portions([nothing, nothing])] == [0, 0]


@pytest.mark.parametrize("target", LABELS)
def test_a_row_is_labeled_or_not_whatever_a_label_is(target: Target) -> None:
    expected = {
        "class": [1, 0, 0, 1, 0, 1],
        "tag": [0, 0, 0, 1, 1, 1],
        "label_set": [1, 0, 0, 0, 0, 1],
        "number": [0, 0, 0, 1, 0, 0],
    }

    assert is_labeled(LABELS[target]).int().tolist() == expected[target]
