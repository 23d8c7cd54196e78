"""Figures of numbers against scikit-learn's."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from distill.tasks.numbers import Numbers

NUMBERS = Numbers()


@given(seed=st.integers(0, 10_000), examples=st.integers(3, 40), outputs=st.integers(1, 3))
def test_the_figures_are_those_of_scikit_learn(seed: int, examples: int, outputs: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels = 50 + 9 * torch.randn(examples, outputs, generator=generator)
    said = labels + torch.randn(examples, outputs, generator=generator)

    found = NUMBERS.figures(said, labels, torch.arange(examples), ["a", "b", "c"][:outputs])

    assert found["r2"] == pytest.approx(metrics.r2_score(labels.double(), said.double()))
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(labels.double(), said.double()))
    error = metrics.root_mean_squared_error(labels.double().flatten(), said.double().flatten())
    assert found["rmse"] == pytest.approx(error)
    assert [entry["label"] for entry in found["per_output"]] == ["a", "b", "c"][:outputs]
    assert NUMBERS.scores(said, labels, torch.arange(examples)).main() == pytest.approx(found["r2"])


def test_r2_does_not_depend_on_the_units() -> None:
    labels, said = torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([[1.5], [2.0], [3.0]])
    one_each = torch.arange(3)

    in_units = NUMBERS.scores(said, labels, one_each).main()

    assert NUMBERS.scores(said * 30 - 7, labels * 30 - 7, one_each).main() == pytest.approx(in_units)


def test_the_mean_of_train_explains_nothing_and_less_where_test_lies_elsewhere() -> None:
    test = torch.tensor([[0.0], [2.0]])

    assert NUMBERS.baseline(test, torch.tensor([[0.0], [2.0]]))["mean_baseline"] == pytest.approx(0)
    assert NUMBERS.baseline(test, torch.tensor([[3.0], [5.0]]))["mean_baseline"] == pytest.approx(-9)


def test_an_output_that_never_varies_is_counted_by_its_squared_error() -> None:
    labels, said = torch.full((4, 1), 3.0), torch.full((4, 1), 3.5)

    assert NUMBERS.scores(said, labels, torch.arange(4)).main() == pytest.approx(0.75)


def test_answers_are_alike_where_they_differ_by_next_to_nothing_of_their_spread() -> None:
    answers = torch.tensor([[0.0], [1000.0]])

    assert NUMBERS.alike(answers, answers + 0.1).all()
    assert not NUMBERS.alike(answers, answers + 1).any()


def test_half_precision_may_differ_ten_times_as_much() -> None:
    answers = torch.tensor([[0.0], [1000.0]])

    assert NUMBERS.alike(answers, answers + 1, loosely=True).all()
    assert not NUMBERS.alike(answers, answers + 10, loosely=True).any()


def test_a_row_that_is_no_number_is_unlabeled() -> None:
    labels = torch.tensor([[1.0, 2.0], [1.0, torch.nan]])

    assert NUMBERS.labeled(labels).tolist() == [True, False]
    assert not NUMBERS.labeled(NUMBERS.hidden(labels)).any()
