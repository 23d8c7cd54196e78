"""Embeddings are judged by the teacher's."""

import pytest
import torch
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from distill.tasks.embeddings import Embeddings, similarity_spearman

EMBEDDINGS = Embeddings()


def drawn(seed: int, examples: int = 30) -> torch.Tensor:
    return torch.randn(examples, 6, generator=torch.Generator().manual_seed(seed))


def test_the_teacher_itself_is_perfect_and_another_length_changes_no_direction() -> None:
    teacher = drawn(0)

    found = EMBEDDINGS.figures(3 * teacher, teacher, torch.arange(30), [])

    assert found["cosine"] == pytest.approx(1)
    assert found["similarity_spearman"] == pytest.approx(1)
    assert found["mse"] == pytest.approx((2 * teacher).square().mean().item())
    assert EMBEDDINGS.scores(teacher, teacher, torch.arange(30)).main() == pytest.approx(1)


def test_the_order_of_the_pairs_is_compared_as_scipy_does() -> None:
    one, other = drawn(1), drawn(2)
    cosines = [1 - pdist(side.double().numpy(), "cosine") for side in (one, other)]

    assert similarity_spearman(one, other) == pytest.approx(spearmanr(*cosines).statistic)


def test_equal_pairs_share_a_rank() -> None:
    one = torch.tensor([[1.0, 0], [0, 1.0], [-1.0, 0], [0, -1.0]])
    other = torch.tensor([[1.0, 0], [0.5, 1.0], [-1.0, 0.2], [0, -1.0]])
    cosines = [1 - pdist(side.double().numpy(), "cosine").round(12) for side in (one, other)]

    assert similarity_spearman(one, other) == pytest.approx(spearmanr(*cosines).statistic)


def test_where_all_pairs_are_alike_there_is_no_order_to_compare() -> None:
    assert similarity_spearman(torch.ones(4, 3), drawn(0, 4)) is None


def test_the_baseline_is_the_mean_embedding_of_train() -> None:
    train = torch.tensor([[1.0, 0.0], [0.0, 1.0]])

    found = EMBEDDINGS.baseline(torch.tensor([[1.0, 0.0]]), train)

    assert found == {"mean_baseline": pytest.approx(0.5**0.5)}


def test_an_embedding_names_nothing() -> None:
    assert EMBEDDINGS.choices(drawn(0)) is None
    assert EMBEDDINGS.kl_divergence(drawn(0), drawn(1)) is None
