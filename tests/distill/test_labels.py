"""How few labels are dealt: by class, at least one each, the same for the same seed."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from distill.batches import View
from distill.config.job import Labels
from distill.config.networks import Input, Preprocessing
from distill.labels import with_fewer_labels
from distill.preprocess import Preprocessor
from distill.rejection import Rejected


def view(labels: list[int]) -> View:
    features = Input(kind="tabular", shape=[1], dtype="float32")
    return View(
        torch.zeros(len(labels), 1),
        torch.tensor(labels),
        Preprocessor(Preprocessing(), features),
        torch.device("cpu"),
        "tabular-classification",
    )


@given(
    sizes=st.lists(st.integers(1, 60), min_size=2, max_size=8),
    extra=st.integers(0, 60),
    unlabeled=st.integers(0, 10),
)
def test_a_count_is_dealt_in_proportion_with_at_least_one_a_class(
    sizes: list[int], extra: int, unlabeled: int
) -> None:
    labels = [label for label, size in enumerate(sizes) for _ in range(size)] + [-1] * unlabeled
    count = min(len(sizes) + extra, sum(sizes))

    seen, rows = with_fewer_labels(view(labels), Labels(count=count))

    dealt = seen.labels[rows].bincount(minlength=len(sizes)).tolist()
    assert len(rows) == sum(dealt) == count
    assert seen.labeled_rows().equal(rows)
    for share, size in zip(dealt, sizes, strict=True):
        exact = count * size / sum(sizes)
        assert 1 <= share <= size
        assert share <= max(1, exact + 1)


def test_a_fraction_is_a_share_of_the_labels_that_are_there() -> None:
    _, rows = with_fewer_labels(view([0] * 50 + [1] * 50 + [-1] * 100), Labels(fraction=0.2))

    assert len(rows) == 20


def test_the_same_seed_chooses_the_same_rows_and_another_one_others() -> None:
    whole = view([0] * 50 + [1] * 50)

    first, again, other = (with_fewer_labels(whole, Labels(count=20, seed=seed))[1] for seed in (1, 1, 2))

    assert first.equal(again)
    assert not first.equal(other)


def test_without_a_limit_every_label_is_seen() -> None:
    whole = view([0, 1, -1, 0])

    seen, rows = with_fewer_labels(whole, Labels())

    assert seen.labels.equal(whole.labels)
    assert rows.tolist() == [0, 1, 3]


def test_fewer_labels_than_classes_are_refused() -> None:
    with pytest.raises(Rejected) as refused:
        with_fewer_labels(view([0, 1, 2]), Labels(count=2))

    assert refused.value.hint == "set labels.count to 3 or more"
