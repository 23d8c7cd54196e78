"""Words with their tags: as lists in JSON, and as columns of text."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distill.config.folder import InspectDataset
from distill.data.readers import conll, jsonl
from distill.rejection import Rejected
from tests.distill.data.inspecting import inspected, opened

TASK = "token-classification"
REQUEST = InspectDataset(filename="x", task=TASK)
SENTENCES = [
    (["Ada", "Lovelace", f"wrote{at}", "München"], ["B-PER", "I-PER", "O", "B-LOC"]) for at in range(20)
]


def lines_of(sentences: Any, words: str = "tokens", tags: str = "tags") -> bytes:
    return "\n".join(json.dumps({words: found, tags: named}) for found, named in sentences).encode()


def columns_of(sentences: Any, between: str = " ") -> bytes:
    texts = [
        "\n".join(f"{word}{between}{tag}" for word, tag in zip(*pair, strict=True)) for pair in sentences
    ]
    return "\n\n".join(texts).encode()


@pytest.mark.parametrize(
    ("content", "filename"),
    [
        (lines_of(SENTENCES), "a.jsonl"),
        (lines_of(SENTENCES, "words", "ner_tags"), "a.jsonl"),
        (columns_of(SENTENCES), "a.conll"),
        (columns_of(SENTENCES, "\t"), "a.txt"),
        (columns_of(SENTENCES, " NN B-NP "), "a.conll"),
        (b"-DOCSTART- -X- O\n\n" + columns_of(SENTENCES) + b"\n\n\n", "a.conll"),
        (columns_of(SENTENCES).replace(b"\n", b"\r\n"), "a.conll"),
    ],
)
def test_words_and_tags_come_back_as_they_were(tmp_path: Path, content: bytes, filename: str) -> None:
    answer = inspected(tmp_path, content, filename, task=TASK)

    assert answer.dataset.labels == ["B-LOC", "B-PER", "I-PER", "O"]
    names = answer.dataset.labels
    for split in opened(tmp_path, answer).values():
        tags = iter(split.labels.tolist())
        for row, words in zip(split.rows.tolist(), split.inputs, strict=True):
            assert (words, [names[next(tags)] for _ in words]) == SENTENCES[row]


def test_a_word_may_have_no_tag(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_text('{"tokens": ["a", "b", "c", "d"], "tags": ["X", null, -100, ""]}\n{"tokens": ["e"]}')
    assert jsonl.read(path, REQUEST).labels == [["X", None, None, None], [None]]
    path.write_text("a X\nb _\nc ?\nd\n\ne\n")
    assert conll.read(path, REQUEST).labels == [["X", None, None, None], [None]]


def test_columns_that_are_left_open_are_none_that_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_text("a X\n")
    request = REQUEST.model_copy(update={"columns": {"text": None, "label": None}})
    assert conll.read(path, request).inputs == [["a"]]


def test_a_word_with_a_space_stands_between_tabs(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_text("New York\tB-LOC\n\t\nis\tO\n")
    assert conll.read(path, REQUEST).inputs == [["New York"], ["is"]]


def test_tags_may_be_numbers(tmp_path: Path) -> None:
    answer = inspected(
        tmp_path, lines_of([([f"a{at}", "b"], [0, 10]) for at in range(20)]), "a.jsonl", task=TASK
    )
    assert answer.dataset.labels == ["0", "10"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"tokens": ["a", "b"], "tags": ["X"]}', "line 2 has 2 words and 1 tags"),
        ('{"tokens": "a b", "tags": ["X"]}', "line 2: 'tokens' is no list of words"),
        ('{"tokens": ["a", 1], "tags": ["X", "X"]}', "line 2: 'tokens' is no list of words"),
        ('{"tokens": ["a"], "tags": "X"}', "line 2: 'tags' is no list of tags"),
        ('{"tokens": ["a"], "tags": [["X"]]}', "line 2: in 'tags', '['X']' is not the name of one class"),
        ('["a"]', "line 2: is no JSON object"),
        ('{"tokens": ["a"]', "line 2: is no JSON: "),
        ('{"tokens": ["\\ud800"], "tags": ["X"]}', "line 2: holds an escaped NUL or half of a character"),
        ('{"tokens": ["\\u0000"], "tags": ["X"]}', "line 2: holds an escaped NUL or half of a character"),
    ],
)
def test_a_line_that_makes_no_text_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "upload"
    path.write_text('{"tokens": ["a"], "tags": ["X"]}\n' + line)
    with pytest.raises(Rejected) as refused:
        jsonl.read(path, REQUEST)
    assert refused.value.message.startswith(message)
    assert refused.value.details == {"line": 2}


def test_a_line_with_more_columns_than_the_others_is_named(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_text("Ada B-PER\nNew York B-LOC\n")
    with pytest.raises(Rejected, match="line 2 has 3 columns; those before have 2"):
        conll.read(path, REQUEST)


@pytest.mark.parametrize(
    ("filename", "request_", "code"),
    [
        ("a.conll", {"task": "text-classification"}, "task_mismatch"),
        ("a.conll", {"columns": {"label": "tag"}}, "unknown_field"),
        ("a.csv", {}, "task_mismatch"),
        ("a.npz", {}, "task_mismatch"),
        ("a.jsonl", {"columns": {"label": ["tags"]}}, "one_label_column"),
        ("a.jsonl", {"columns": {"text": "token"}}, "column_missing"),
    ],
)
def test_what_has_no_words_with_tags_is_refused(
    tmp_path: Path, filename: str, request_: Any, code: str
) -> None:
    with pytest.raises(Rejected) as refused:
        inspected(tmp_path, lines_of(SENTENCES), filename, **{"task": TASK, **request_})
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("sentences", "code"),
    [
        ([([f"a{at}", "b"], ["O", "O"]) for at in range(20)], "one_class"),
        ([([f"a{at}", "b"], [None, None]) for at in range(20)], "one_class"),
        ([([f"a{at}", "b"], [f"t{at}", f"u{at}"]) for at in range(40)], "labels_not_classes"),
    ],
)
def test_tags_from_which_nothing_is_learned_are_refused(tmp_path: Path, sentences: Any, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        inspected(tmp_path, lines_of(sentences), "a.jsonl", task=TASK)
    assert refused.value.code == code


def test_a_field_may_name_the_split_of_each_text(tmp_path: Path) -> None:
    lines = [
        json.dumps({"tokens": [f"a{at}", "b"], "tags": ["X", "Y"], "part": ("train", "val", "test")[at % 3]})
        for at in range(30)
    ]
    answer = inspected(tmp_path, "\n".join(lines).encode(), "a.jsonl", task=TASK, split={"column": "part"})
    assert opened(tmp_path, answer)["test"].rows.tolist() == list(range(2, 30, 3))


def test_a_label_map_renames_tags_and_leaves_the_others(tmp_path: Path) -> None:
    swapped = {"B-PER": "B-LOC", "B-LOC": "B-PER", "I-PER": "O"}
    answer = inspected(tmp_path, lines_of(SENTENCES), "a.jsonl", task=TASK, label_map=swapped)
    names = answer.dataset.labels
    assert names == ["B-LOC", "B-PER", "O"]
    tags = opened(tmp_path, answer)["test"].labels[:4]
    assert [names[tag] for tag in tags.tolist()] == ["B-LOC", "O", "O", "B-PER"]


def test_the_report_counts_words_and_tags(tmp_path: Path) -> None:
    untagged = [(["one", "more"], [None, "O"])]
    answer = inspected(tmp_path, lines_of(SENTENCES + untagged), "a.jsonl", task=TASK)
    splits = answer.report["splits"].values()
    assert sum(split["words"] for split in splits) == 82
    assert sum(split["words_with_a_tag"] for split in splits) == 81
    assert sum(split["balance"]["B-LOC"] for split in splits) == 20
    assert sum(split.class_counts[3] for split in answer.dataset.splits.values()) == 21


def test_tables_and_previews_show_words_beside_tags(tmp_path: Path) -> None:
    answer = inspected(tmp_path, lines_of([*SENTENCES, (["?"], [None])]), "a.jsonl", task=TASK)
    table = pq.read_table(tmp_path / "out/train.parquet").to_pydict()
    shown = dict(zip(table["row"], zip(table["words"], table["label"], strict=True), strict=True))
    assert shown[20] == (["?"], None)
    first = next(row for row in shown if row != 20)
    assert shown[first] == (SENTENCES[first][0], [1, 2, 3, 0])
    assert answer.preview[0]["words"] == SENTENCES[answer.preview[0]["row"]][0]
    assert answer.preview[0]["label"] == ["B-PER", "I-PER", "O", "B-LOC"]


def test_texts_that_agree_in_their_letters_but_not_in_their_words_are_two(tmp_path: Path) -> None:
    pairs = [(["a b"], ["X"]), (["a", "b"], ["X", "Y"]), *SENTENCES]
    answer = inspected(tmp_path, lines_of(pairs), "a.jsonl", task=TASK)
    assert answer.report["duplicates"] == 0


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
TAGS = st.sampled_from(["X", "Y", None])


@given(st.lists(st.lists(st.tuples(WORDS, TAGS), min_size=1, max_size=6), min_size=1, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_json_writes_is_read_back(tmp_path: Path, texts: Any) -> None:
    sentences = [([word for word, _ in text], [tag for _, tag in text]) for text in texts]
    path = tmp_path / "upload"
    path.write_bytes(lines_of(sentences))
    examples = jsonl.read(path, REQUEST)
    assert list(zip(examples.inputs, examples.labels, strict=True)) == sentences


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "upload"
    path.write_bytes(content)
    for reader in (conll.read, jsonl.read):
        with suppress(Rejected):  # anything else is a failure
            reader(path, REQUEST)
