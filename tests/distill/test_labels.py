"""How few labels are dealt, in which space they are learned, and what stands for labels where none are."""

from math import nan
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from distill.batches import View
from distill.config.job import Labels
from distill.config.networks import Input, Preprocessing
from distill.config.tasks import Task
from distill.labels import answered_by, scale_of, standardized, with_fewer_labels
from distill.preprocess import Preprocessor
from distill.rejection import Rejected
from distill.teachers import FrozenTeacher


def view(labels: list[Any], task: Task = "tabular-classification", dtype: torch.dtype = torch.int64) -> View:
    features = Input(kind="tabular", shape=[1], dtype="float32")
    return View(
        torch.arange(len(labels)).float().unsqueeze(1),
        torch.tensor(labels, dtype=dtype),
        Preprocessor(Preprocessing(), features),
        torch.device("cpu"),
        task,
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


def test_texts_are_dealt_by_their_most_frequent_tag() -> None:
    of_zero, of_one, untagged = [0, 0, 1, -1], [1, 1, -1, -1], [-1, -1, -1, -1]
    tagged = view([of_zero] * 30 + [of_one] * 10 + [untagged] * 5, "token-classification")

    seen, rows = with_fewer_labels(tagged, Labels(count=8))

    assert int((rows < 30).sum()) == 6
    assert int((rows >= 30).sum()) == 2
    assert int(rows.max()) < 40
    assert seen.labeled_rows().equal(rows)
    assert seen.labels[rows].equal(tagged.labels[rows])
    hidden = [row for row in range(45) if row not in rows.tolist()]
    assert bool((seen.labels[hidden] == -1).all())


def test_fewer_texts_than_tags_are_drawn_from_all_alike() -> None:
    tagged = view([[tag] for tag in range(6)], "token-classification")
    _, rows = with_fewer_labels(tagged, Labels(count=2))
    assert len(rows) == 2


def test_sets_of_labels_are_drawn_from_all_that_are_known() -> None:
    sets = view([[1, 0], [0, 0], [-1, -1]] * 20, "multi-label-classification", torch.int8)

    seen, rows = with_fewer_labels(sets, Labels(fraction=0.25))

    assert len(rows) == 10
    assert seen.labeled_rows().equal(rows)
    assert seen.labels[rows].equal(sets.labels[rows])


def test_numbers_are_drawn_from_all_that_are_known() -> None:
    numbers = view([[float(row)] for row in range(40)] + [[nan]] * 10, "regression", torch.float32)

    seen, rows = with_fewer_labels(numbers, Labels(count=1))

    assert len(rows) == 1
    assert seen.labeled_rows().equal(rows)
    assert int(seen.labels.isnan().sum()) == 49


def test_numbers_are_learned_with_mean_0_and_deviation_1_of_those_that_are_seen() -> None:
    numbers = view([[1.0, 7.0], [3.0, 7.0], [5.0, 7.0], [nan, nan]], "regression", torch.float32)

    scale = scale_of(numbers)
    learned = standardized(numbers, scale).labels

    assert scale.mean == [3.0, 7.0]
    assert scale.std[1] == 1.0
    torch.testing.assert_close(learned[:3, 0].mean(), torch.tensor(0.0))
    torch.testing.assert_close(learned[:3, 0].std(correction=0), torch.tensor(1.0))
    assert learned[:3, 1].tolist() == [0.0, 0.0, 0.0]
    assert bool(learned[3].isnan().all())


def test_large_numbers_that_differ_little_keep_their_differences() -> None:
    numbers = view([[1e6], [1e6 + 1], [1e6 + 2]], "regression", torch.float32)
    learned = standardized(numbers, scale_of(numbers)).labels.flatten()
    torch.testing.assert_close(learned, torch.tensor([-(1.5**0.5), 0.0, 1.5**0.5]), atol=1e-5, rtol=0)


def test_without_a_scale_labels_stay_as_they_are() -> None:
    classes = view([0, 1, -1])
    assert standardized(classes, None) is classes


def test_embeddings_are_what_the_teacher_says_of_each_example() -> None:
    teacher = FrozenTeacher(torch.nn.Linear(1, 3))
    unlabeled = view([-1] * 600, "feature-extraction")

    answered = answered_by(teacher, unlabeled)

    assert answered.labels.shape == (600, 3)
    torch.testing.assert_close(answered.labels, teacher.network(unlabeled.inputs))


def test_making_labels_heeds_the_wish_to_stop() -> None:
    class Stopped(Exception):
        pass

    def stop() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        answered_by(FrozenTeacher(torch.nn.Linear(1, 3)), view([-1], "feature-extraction"), stop)
