"""Rows are words; whole entities count where the tags mark such."""

import pytest
import torch
from torch import Tensor

from distill.config.figures import are_bio
from distill.tasks.entities import entity_f1
from distill.tasks.tags import Tags

TAGS = Tags()
BIO = ["O", "B-person", "I-person", "B-place", "I-place"]
STARTS = torch.tensor([[0, 1, 0, 1, 0], [0, 1, 1, 1, 0]]).bool()
"""Two texts of two and of three words."""


def numbers(*tags: str) -> Tensor:
    return torch.tensor([BIO.index(tag) for tag in tags])


def test_a_row_is_the_first_token_of_a_word() -> None:
    outputs = torch.arange(20.0).reshape(2, 5, 2)
    labels = torch.tensor([[-1, 0, -1, 1, -1], [-1, 1, -1, 0, -1]])
    inputs = {"word_starts": STARTS}

    assert TAGS.rows(outputs, inputs).tolist() == [[2, 3], [6, 7], [12, 13], [14, 15], [16, 17]]
    assert TAGS.row_labels(labels, inputs).tolist() == [0, 1, 1, -1, 0]
    assert TAGS.row_examples(torch.tensor([7, 9]), inputs).tolist() == [7, 7, 9, 9, 9]


def test_a_text_counts_as_labeled_as_soon_as_one_word_is() -> None:
    assert TAGS.labeled(torch.tensor([[-1, -1], [-1, 3]])).tolist() == [False, True]
    assert TAGS.labeled(torch.tensor([-1, 3])).tolist() == [False, True]


def test_a_text_scores_its_right_words_out_of_all_its_words() -> None:
    outputs = torch.eye(3)[torch.tensor([0, 1, 2, 0, 0])]

    scores = TAGS.scores(outputs, torch.tensor([0, 1, 0, 0, 1]), torch.tensor([3, 3, 8, 8, 8]))

    assert scores.value.tolist() == [2, 1]
    assert scores.weight.tolist() == [2, 3]
    assert scores.main() == pytest.approx(3 / 5)


def test_figures_of_tags_are_over_words_and_name_both_counts() -> None:
    labels = numbers("B-person", "I-person", "O", "B-place", "O")
    outputs = torch.eye(5)[numbers("B-person", "O", "O", "B-place", "O")]

    found = TAGS.figures(outputs, labels, torch.tensor([0, 0, 1, 1, 1]), BIO)

    assert found["accuracy"] == 0.8
    assert found["entity_f1"] == 0.5
    assert (found["examples"], found["words"]) == (2, 5)
    assert [entry["label"] for entry in found["per_tag"]] == BIO


def test_an_entity_is_right_only_as_a_whole() -> None:
    labels = numbers("B-person", "I-person", "O", "B-place")

    def f1(*said: str) -> float:
        return entity_f1(numbers(*said), labels, torch.zeros(4), BIO)

    assert f1("B-person", "I-person", "O", "B-place") == 1
    assert f1("B-person", "O", "O", "B-place") == 0.5
    assert f1("B-place", "I-place", "O", "B-place") == 0.5
    assert f1("O", "O", "O", "B-place") == pytest.approx(2 / 3)
    assert f1("O", "O", "O", "O") == 0


def test_an_entity_begins_at_b_and_where_an_i_follows_no_word_of_its_kind() -> None:
    apart = numbers("B-person", "B-person")
    together = numbers("B-person", "I-person")
    begun_by_i = numbers("I-person", "I-person")
    one_text = torch.zeros(2)

    assert entity_f1(apart, together, one_text, BIO) == 0
    assert entity_f1(begun_by_i, together, one_text, BIO) == 1


def test_no_entity_goes_on_into_the_next_text() -> None:
    tags = numbers("B-person", "I-person")
    two_texts = torch.tensor([0, 1])

    assert entity_f1(numbers("B-person", "B-person"), tags, two_texts, BIO) == 1


@pytest.mark.parametrize(
    ("names", "marks"),
    [(BIO, True), (["O"], False), (["NOUN", "VERB"], False), (["O", "B-", "I-"], False)],
)
def test_tags_mark_entities_where_all_of_them_are_b_i_or_o(names: list[str], marks: bool) -> None:
    assert are_bio(names) is marks


def test_without_entities_among_the_tags_there_is_no_such_figure() -> None:
    found = TAGS.figures(torch.eye(2), torch.tensor([0, 1]), torch.tensor([0, 0]), ["NOUN", "VERB"])

    assert "entity_f1" not in found
