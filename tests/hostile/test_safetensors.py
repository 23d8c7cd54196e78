"""Hostile `.safetensors` files: each lie of a header is refused with a sentence."""

import pytest

from tests.hostile.conftest import Judge
from tests.hostile.forging import (
    entry,
    safetensors,
    writing,
)
from tests.hostile.refusing import refused

HUGE = 2**40
FOUR = bytes(16)
SAFETENSORS: dict[str, bytes] = {
    "a header of an exabyte": safetensors({}, length=2**60),
    "a header longer than the file": safetensors({}, length=100),
    "a header that is a list": safetensors([1]),
    "a header that is no JSON": safetensors(b"{" + b"x" * 20),
    "a header that is no UTF-8": safetensors(b'{"\xff\xfe": 1}'),
    "a header nested a hundred thousand deep": safetensors(b'{"a":' * 100_000),
    "a tensor named twice": safetensors(
        b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
        b'"w":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}',
        FOUR,
    ),
    "tensors that overlap": safetensors({"a": entry([3], 0, 12), "b": entry([3], 4, 16)}, FOUR),
    "a hole between tensors": safetensors({"a": entry([1], 0, 4), "b": entry([1], 12, 16)}, FOUR),
    "bytes after the last tensor": safetensors({"a": entry([3], 0, 12)}, FOUR),
    "fewer bytes than declared": safetensors({"a": entry([4], 0, 16)}, FOUR[:-1]),
    "a shape of a trillion": safetensors({"a": entry([HUGE], 0, 16)}, FOUR),
    "a shape that overflows 64 bits": safetensors({"a": entry([HUGE] * 8, 0, 16)}, FOUR),
    "a negative side": safetensors({"a": entry([-4, -1], 0, 16)}, FOUR),
    "a side that is a truth": safetensors({"a": entry([True, 4], 0, 16)}, FOUR),
    "a side that is text": safetensors({"a": entry(["4"], 0, 16)}, FOUR),
    "a side of a number with a million digits": safetensors(
        b'{"a":{"dtype":"F32","shape":[' + b"9" * 1_000_000 + b'],"data_offsets":[0,16]}}', FOUR
    ),
    "no side beside a huge one": safetensors({"a": entry([0, 2**62], 0, 0)}),
    "offsets that run backwards": safetensors({"a": entry([4], 16, 0)}, FOUR),
    "an entry that is a number": safetensors({"a": 3}, FOUR),
    "200,000 tensors": safetensors({str(number): entry([0], 0, 0) for number in range(200_000)}),
}


@pytest.mark.parametrize("kind", SAFETENSORS)
def test_a_safetensors_file_that_lies_is_refused(judge: Judge, kind: str) -> None:
    refused(judge, writing(SAFETENSORS[kind]), "unreadable_file", filename="teacher.safetensors")


@pytest.mark.parametrize("dtype", ["C64", "F8_E4M3", "F4", "object"])
def test_a_dtype_that_no_network_here_has_is_refused(judge: Judge, dtype: str) -> None:
    refused(judge, writing(safetensors({"a": entry([4], 0, 16, dtype)}, FOUR)), "unsupported_dtype")


def test_names_are_never_paths(judge: Judge) -> None:
    answer = refused(
        judge, writing(safetensors({"../../etc/x": entry([4], 0, 16)}, FOUR)), "weights_mismatch"
    )
    assert answer["details"]["unexpected"] == ["../../etc/x"]
