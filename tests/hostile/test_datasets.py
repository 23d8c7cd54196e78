"""Hostile datasets: each is refused with a sentence, in little memory, and nothing of it runs."""

import io
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
