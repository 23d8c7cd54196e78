"""Which rows an update takes, and what the networks see of them."""

from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import BertProcessing
from torch import Tensor

from distill.batches import Order, View
from distill.config.networks import Input, Preprocessing
from distill.config.tasks import Task
from distill.data.opened import SplitData
from distill.preprocess import Preprocessor
from distill.tasks import science_of

CPU = torch.device("cpu")


@given(rows=st.integers(1, 40), batch_size=st.integers(1, 60), seed=st.integers(0, 2**31 - 1))
def test_each_pass_holds_every_row_once_and_every_batch_is_full(
    rows: int, batch_size: int, seed: int
) -> None:
    order = Order(torch.arange(rows), batch_size=batch_size, seed=seed)

    batches = [order.batch(step) for step in range(1, rows + 1)]

    assert {len(batch) for batch in batches} == {batch_size}
    chain = torch.cat(batches)
    for start in range(0, len(chain) - rows + 1, rows):
        assert chain[start : start + rows].sort().values.tolist() == list(range(rows))


@given(step=st.integers(1, 50))
def test_a_batch_depends_on_its_number_alone(step: int) -> None:
    walked, jumped = (Order(torch.arange(17), batch_size=5, seed=3) for _ in range(2))
    for earlier in range(1, step):
        walked.batch(earlier)

    assert walked.batch(step).equal(jumped.batch(step))


def test_another_seed_shuffles_otherwise() -> None:
    first, second = (Order(torch.arange(100), batch_size=100, seed=seed).batch(1) for seed in (0, 1))

    assert not first.equal(second)


VOCABULARY = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "play": 4, "##ing": 5, "well": 6, "a": 7}
TEXT = Input(kind="text", shape=[16], dtype="int64")


def reader(folder: Path, *, max_length: int = 16) -> Preprocessor:
    """A tokenizer that breaks `playing` in two, and of which a soft hyphen leaves nothing."""
    tokenizer = Tokenizer(WordPiece(VOCABULARY, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    path = folder / "tokenizer.json"
    tokenizer.save(str(path))
    return Preprocessor.of(Preprocessing(max_length=max_length), TEXT, path)


def tagged(words: list[list[str]], tags: list[list[int]]) -> SplitData:
    return SplitData(
        "token-classification",
        words,
        torch.tensor([tag for some in tags for tag in some]),
        torch.arange(len(words)),
        torch.zeros(len(words), 32, dtype=torch.uint8),
    )


def test_the_tag_of_a_word_stands_at_its_first_token_alone(tmp_path: Path) -> None:
    split = tagged([["Playing", "well"], ["a", "playing", "play"]], [[0, 1], [2, -1, 4]])

    view = View.of(split, reader(tmp_path), CPU)
    inputs, labels = view.batch(torch.tensor([0, 1]))

    assert inputs["input_ids"].tolist() == [[2, 4, 5, 6, 3, 0], [2, 7, 4, 5, 4, 3]]
    assert inputs["word_starts"].int().tolist() == [[0, 1, 0, 1, 0, 0], [0, 1, 1, 0, 1, 0]]
    assert labels.tolist() == [[-1, 0, -1, 1, -1, -1], [-1, 2, -1, -1, 4, -1]]
    assert view.unseen_words == 0


def test_a_batch_of_words_is_cut_to_its_longest_text_with_its_labels(tmp_path: Path) -> None:
    view = View.of(tagged([["a"], ["a"] * 9], [[0], [1] * 9]), reader(tmp_path), CPU)

    inputs, labels = view.batch(torch.tensor([0]))

    assert {values.shape for values in inputs.values()} == {labels.shape} == {(1, 3)}


def test_words_that_no_network_sees_are_counted_and_the_others_keep_their_tags(tmp_path: Path) -> None:
    split = tagged([["a", "\u00ad\u200b", "well"], ["a", "a", "playing", "well"]], [[0, 1, 2], [3, -1, 5, 6]])

    view = View.of(split, reader(tmp_path, max_length=5), CPU)

    assert view.labels.tolist() == [[-1, 0, 2, -1, -1], [-1, 3, -1, 5, -1]]
    assert view.unseen_words == 2  # of one nothing is left, one is beyond the cut


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from(["a", "playing", "\u00ad", "", "x" * 200, "well"]), st.integers(-1, 3)),
            min_size=1,
            max_size=8,
        ),
        min_size=1,
        max_size=5,
    ),
    st.integers(3, 12),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_tag_is_either_judged_or_counted_as_unseen(tmp_path: Path, texts, max_length: int) -> None:
    words = [[word for word, _ in text] for text in texts]
    tags = [[tag for _, tag in text] for text in texts]
    view = View.of(tagged(words, tags), reader(tmp_path, max_length=max_length), CPU)
    science = science_of("token-classification")

    inputs, labels = view.batch(torch.arange(len(texts)))

    judged = int((science.row_labels(labels, inputs) >= 0).sum())
    assert judged + view.unseen_words == sum(tag >= 0 for some in tags for tag in some)
    assert view.labeled_rows().tolist() == [
        row for row in range(len(texts)) if bool((labels[row] >= 0).any())
    ]


@pytest.mark.parametrize(
    ("task", "labels", "labeled"),
    [
        ("tabular-classification", torch.tensor([0, -1, 2]), [0, 2]),
        ("multi-label-classification", torch.tensor([[0, 0], [-1, -1], [1, 0]], dtype=torch.int8), [0, 2]),
        ("regression", torch.tensor([[0.0], [torch.nan], [2.0]]), [0, 2]),
        ("feature-extraction", torch.tensor([-1, -1, -1]), []),
    ],
)
def test_the_labeled_rows_are_those_of_the_target(task: Task, labels: Tensor, labeled: list[int]) -> None:
    features = Input(kind="tabular", shape=[1], dtype="float32")
    view = View(torch.zeros(3, 1), labels, Preprocessor(Preprocessing(), features), CPU, task)

    assert view.labeled_rows().tolist() == labeled
    assert view.batch(torch.tensor([2, 0]))[1].equal(labels[[2, 0]])
