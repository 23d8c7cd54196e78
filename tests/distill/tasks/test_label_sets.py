"""Figures of label sets against scikit-learn's."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from distill.tasks.label_sets import LabelSets

SETS = LabelSets()


@given(seed=st.integers(0, 10_000), examples=st.integers(2, 40))
def test_the_figures_are_those_of_scikit_learn(seed: int, examples: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(examples, 3, generator=generator)
    labels = torch.randint(0, 2, (examples, 3), generator=generator).to(torch.int8)
    picked = (logits > 0).int()
    there = [column for column in range(3) if labels[:, column].any()]

    found = SETS.figures(logits, labels, torch.arange(examples), ["a", "b", "c"])

    f1 = metrics.f1_score(labels, picked, average="samples", zero_division=1)
    assert found["f1"] == pytest.approx(f1)
    each = [metrics.f1_score(labels[:, column], picked[:, column], zero_division=0) for column in there]
    assert found["macro_f1"] == pytest.approx(sum(each) / len(each) if each else 0)
    micro = metrics.f1_score(labels, picked, average="micro", zero_division=0)
    assert found["micro_f1"] == pytest.approx(micro)
    assert found["exact_match"] == pytest.approx(metrics.accuracy_score(labels, picked))
    assert SETS.scores(logits, labels, torch.arange(examples)).main() == pytest.approx(found["f1"])


def test_naming_nothing_where_nothing_holds_is_right() -> None:
    logits, labels = torch.tensor([[-1.0, -2.0]]), torch.tensor([[0, 0]], dtype=torch.int8)

    assert SETS.figures(logits, labels, torch.tensor([0]), ["a", "b"])["f1"] == 1
    assert SETS.choices(logits).right(labels).tolist() == [True]


def test_the_baseline_always_names_the_most_frequent_set_of_train() -> None:
    train = torch.tensor([[1, 0], [1, 0], [0, 1]], dtype=torch.int8)
    test = torch.tensor([[1, 1], [0, 1]], dtype=torch.int8)

    assert SETS.baseline(test, train) == {"majority_baseline": pytest.approx((2 / 3 + 0) / 2)}


def test_the_divergence_is_that_of_as_many_coins_as_there_are_labels() -> None:
    student, teacher = torch.tensor([[0.3, -1.0]]), torch.tensor([[1.2, 0.4]])
    p, q = teacher.double().sigmoid(), student.double().sigmoid()
    expected = (p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()).sum().item()

    assert SETS.kl_divergence(student, teacher) == pytest.approx(expected)
    assert SETS.kl_divergence(teacher, teacher) == 0


def test_the_confidence_in_a_set_is_the_product_of_its_decisions() -> None:
    choices = SETS.choices(torch.tensor([[2.0, -3.0]]))

    sure = torch.tensor([2.0, 3.0], dtype=torch.float64).sigmoid().prod().item()
    assert choices.picked.tolist() == [[1, 0]]
    assert choices.confidence.item() == pytest.approx(sure)


def test_an_unlabeled_row_is_one_of_minus_ones() -> None:
    labels = torch.tensor([[0, 0], [-1, -1]], dtype=torch.int8)

    assert SETS.labeled(labels).tolist() == [True, False]
    assert not SETS.labeled(SETS.hidden(labels)).any()
