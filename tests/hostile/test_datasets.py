"""Hostile datasets: each is refused with a sentence, in little memory, and nothing of it runs."""

import io
import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.hostile.conftest import Judge
from tests.hostile.forging import Calls, described, npy, writing, zipped

LABELS = npy(described("(4,)", "|u1"), bytes([0, 1, 0, 1]))
MEMORY = 1_000_000_000


def refused(
    judge: Judge, content: bytes, filename: str, code: str, task: str = "tabular-classification"
) -> Any:
    answer = judge(writing(content), command="inspect-dataset", filename=filename, task=task)
    assert (answer["outcome"], answer.get("code")) == ("rejected", code), answer
    assert "\n" not in answer["message"]
    assert answer["more_memory"] < MEMORY
    return answer


def archive(x: bytes, y: bytes = LABELS, compression: int = zipfile.ZIP_STORED) -> bytes:
    return zipped({"x.npy": x, "y.npy": y}, compression)


def test_an_array_of_objects_is_never_unpickled(judge: Judge, canary: Path) -> None:
    header = npy(described("(4,)", "|O"), pickle.dumps(Calls(os.system, f"touch {canary}")))
    answer = refused(judge, archive(header), "x.npz", "pickled_array")
    assert "code" in answer["message"]


def test_an_array_of_objects_that_numpy_wrote_is_refused(judge: Judge) -> None:
    file = io.BytesIO()
    np.savez(file, x=np.array([{}, []], dtype=object), y=[0, 1])
    refused(judge, file.getvalue(), "x.npz", "pickled_array")


NPZ: dict[str, tuple[bytes, str]] = {
    "a shape of a trillion": (archive(npy(described("(4, 1099511627776)"))), "unreadable_file"),
    "a shape that overflows": (archive(npy(described(f"({2**62}, {2**62})"))), "unreadable_file"),
    "a negative shape": (archive(npy(described("(-4, -2)"), bytes(32))), "unreadable_file"),
    "a shape that is text": (archive(npy(described("'4'"), bytes(32))), "unreadable_file"),
    "more bytes than declared": (archive(npy(described("(4, 2)"), bytes(64))), "unreadable_file"),
    "a header that is code": (
        archive(npy("{'descr': __import__('os').system('id'), 'shape': (4,)}")),
        "unreadable_file",
    ),
    "a header without magic": (archive(b"not an array"), "unreadable_file"),
    "a file named json.py": (zipped({"json.py": b"raise SystemExit"}), "unreadable_file"),
    "records in place of numbers": (
        archive(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4, 1), }", bytes(16))),
        "not_a_number",
    ),
    "dates in place of numbers": (archive(npy(described("(4, 1)", "<M8[s]"), bytes(32))), "not_a_number"),
    "a thousand members": (zipped({f"{number}.npy": LABELS for number in range(1000)}), "unreadable_file"),
    "labels of a gigabyte each": (
        archive(npy(described("(4, 2)"), bytes(32)), npy(described("(4,)", "<U268435456"))),
        "unreadable_file",
    ),
    "no archive at all": (b"x" * 100, "unreadable_file"),
    "nothing": (b"", "unreadable_file"),
}


@pytest.mark.parametrize("kind", NPZ)
def test_an_npz_that_lies_is_refused(judge: Judge, kind: str) -> None:
    content, code = NPZ[kind]
    refused(judge, content, "x.npz", code)


def test_a_hundred_megabytes_of_zeros_in_a_tenth_of_one_are_refused(judge: Judge) -> None:
    zeros = npy(described("(4, 6250000)"), bytes(100_000_000))
    refused(judge, archive(zeros, compression=zipfile.ZIP_DEFLATED), "x.npz", "zip_bomb")


def test_more_than_there_is_memory_for_is_refused_with_both_figures(judge: Judge) -> None:
    honest = npy(described("(4, 25000000)"), bytes(400_000_000))
    answer = refused(judge, archive(honest), "x.npz", "too_large")
    assert "400 MB" in answer["message"]


CSV: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "empty_dataset"),
    "a cell of two megabytes": (b"a,label\n" + b"1" * 2_000_000 + b",x\n", "bad_quoting"),
    "a quote that never ends": (b'a,label\n"' + b"1,x\n" * 100_000, "bad_quoting"),
    "zero bytes": (b"a,label\n\x00,x\n", "not_text"),
    "an executable": (b"\x7fELF" + bytes(range(256)) * 10, "not_text"),
    "a formula": (b"a,label\n=cmd|' /C calc'!A0,x\n", "not_a_number"),
    "one class": (b"a,label\n" + b"".join(b"%d,x\n" % number for number in range(50)), "one_class"),
    "a label for each row": (
        b"a,label\n" + b"".join(b"%d,%d.5\n" % (number, number) for number in range(500)),
        "labels_not_classes",
    ),
}


@pytest.mark.parametrize("kind", CSV)
def test_a_csv_that_makes_no_dataset_is_refused(judge: Judge, kind: str) -> None:
    content, code = CSV[kind]
    refused(judge, content, "x.csv", code)


def lines(*records: Any) -> bytes:
    return b"\n".join(json.dumps(record).encode() for record in records)


MANY = {f"label {number}" for number in range(9000)}
JSONL: dict[str, tuple[bytes, str, str]] = {
    "nothing": (b"", "text-classification", "empty_dataset"),
    "objects nested too deep": (b'{"text": ' + b"[" * 100_000, "text-classification", "bad_line"),
    "a line of five megabytes": (b'{"text": "' + b"a" * 5_000_000, "text-classification", "bad_line"),
    "lists of nothing": (b'{"text": [' + b"[]," * 1_000_000, "text-classification", "bad_line"),
    "a new field in each line": (
        b"\n".join(b'{"f%d": 1}' % number for number in range(20_000)),
        "text-classification",
        "bad_line",
    ),
    "a number of ten thousand digits": (
        b'{"a": ' + b"1" * 10_000 + b', "label": 1}',
        "tabular-classification",
        "bad_line",
    ),
    "half a character": (b'{"text": "\\ud800", "label": "x"}', "text-classification", "not_text"),
    "half a character in a name": (b'{"\\udfff": "a", "label": "x"}', "text-classification", "not_text"),
    "an escaped NUL": (b'{"text": "a\\u0000b", "label": "x"}', "text-classification", "not_text"),
    "a label of NUL": (b'{"text": "a", "label": "\\u0000"}', "text-classification", "not_text"),
    "a set of a million labels": (
        lines({"text": "a", "label": list(range(1_000_000 // 8))}),
        "multi-label-classification",
        "bad_label",
    ),
    "a label in a label": (
        lines({"text": "a", "label": [["x"]]}),
        "multi-label-classification",
        "bad_label",
    ),
    "a table of labels larger than memory": (
        lines(
            *({"text": f"a{n}", "label": sorted(MANY)} for n in range(2)),
            *({"text": f"b{n}", "label": ["label 1"]} for n in range(60_000)),
        ),
        "multi-label-classification",
        "too_large",
    ),
    "a number that is none": (lines({"text": "a", "label": {"a": 1}}), "regression", "not_a_number"),
    "an infinite number": (b'{"text": "a", "label": -Infinity}', "regression", "not_a_number"),
    "numbers that are none at all": (b'{"text": "a", "label": NaN}\n' * 9, "regression", "one_class"),
    "a text of half a million words": (
        lines({"tokens": ["a"] * 500_000, "tags": ["x"] * 500_000}),
        "token-classification",
        "bad_line",
    ),
    "words without their tags": (
        lines({"tokens": ["a"] * 5, "tags": ["x"] * 4}),
        "token-classification",
        "bad_line",
    ),
    "tags that are objects": (
        lines({"tokens": ["a"], "tags": [{"x": 1}]}),
        "token-classification",
        "bad_line",
    ),
    "bytes that are no text": (b'{"text": "\xff"}', "text-classification", "not_utf8"),
}


@pytest.mark.parametrize("kind", JSONL)
def test_lines_of_json_that_make_no_dataset_are_refused(judge: Judge, kind: str) -> None:
    content, task, code = JSONL[kind]
    refused(judge, content, "x.jsonl", code, task)


CONLL: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "empty_dataset"),
    "empty lines": (b"\n" * 100_000, "empty_dataset"),
    "zero bytes": (b"a\0 x\n", "not_text"),
    "a word of five megabytes": (b"a" * 5_000_000, "bad_line"),
    "a text of half a million words": (b"a x\n" * 500_000, "bad_line"),
    "columns that come and go": (b"a x\nb y z\n", "bad_line"),
    "a tag for each word": (
        b"".join(b"a%d t%d\n\n" % (number, number) for number in range(500)),
        "labels_not_classes",
    ),
}


@pytest.mark.parametrize("kind", CONLL)
def test_columns_of_words_that_make_no_dataset_are_refused(judge: Judge, kind: str) -> None:
    content, code = CONLL[kind]
    refused(judge, content, "x.conll", code, "token-classification")


def test_letters_of_every_kind_are_words_and_labels_like_others(judge: Judge) -> None:
    strange = [
        "\u202egnp.exe",
        "a\u0301",
        "\U0001f468\u200d\U0001f469",
        "\ufeff",
        "<script>",
        "'; DROP TABLE",
    ]
    content = lines(*({"tokens": [f"{word}{n}"], "tags": [word]} for n in range(8) for word in strange))
    answer = judge(
        writing(content), command="inspect-dataset", filename="x.jsonl", task="token-classification"
    )
    assert answer["outcome"] == "accepted", answer
    assert answer["dataset"]["labels"] == sorted(word.strip() for word in strange)
