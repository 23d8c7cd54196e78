"""Hostile `.pt` and `.pth` files: each is refused with a sentence, and nothing of it runs."""

import io
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.distill.inspect.uploads import cnn
from tests.hostile.conftest import Judge
from tests.hostile.forging import (
    Calls,
    pickled_tensor,
    rewritten,
    saved,
    torch_archive,
    view,
    writing,
    zipped,
)
from tests.hostile.refusing import refused


def touch(canary: Path) -> Calls:
    return Calls(os.system, f"touch {canary}")


def test_the_pickles_of_these_tests_would_sing_where_they_are_loaded(canary: Path) -> None:
    pickle.loads(pickle.dumps(touch(canary)))
    assert canary.exists()


@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_bare_pickle_with_code_is_refused_by_what_it_would_call(
    judge: Judge, canary: Path, protocol: int
) -> None:
    answer = refused(judge, writing(pickle.dumps(touch(canary), protocol)), "code_in_file")
    assert "posix.system" in answer["message"]


@pytest.mark.parametrize("protocol", [0, 1])
def test_a_pickle_of_the_oldest_kinds_is_no_file_of_weights(
    judge: Judge, canary: Path, protocol: int
) -> None:
    refused(judge, writing(pickle.dumps(touch(canary), protocol)), "unknown_format")


@pytest.mark.parametrize("protocol", range(2, 6))
def test_code_inside_a_state_dict_is_refused_by_what_it_would_call(
    judge: Judge, canary: Path, protocol: int
) -> None:
    held = {"weight": torch.zeros(2).tolist(), "evil": touch(canary)}
    answer = refused(judge, writing(torch_archive(pickle.dumps(held, protocol))), "code_in_file")
    assert answer["details"]["refers_to"] in ("posix.system", "os.system")


@pytest.mark.parametrize("function", [eval, exec, getattr, print, torch.load, torch.jit.load, bytearray])
def test_no_function_but_those_of_dense_tensors_may_be_named(
    judge: Judge, canary: Path, function: Any
) -> None:
    argument = 2**31 - 1 if function is bytearray else f"open({str(canary)!r}, 'w')"
    refused(judge, writing(torch_archive(pickle.dumps(Calls(function, argument), 2))), "code_in_file")


def test_a_whole_pickled_module_is_refused_by_its_class(judge: Judge) -> None:
    answer = refused(judge, writing(saved(cnn())), "code_in_file")
    assert answer["details"]["refers_to"] == "distill.models.cnn.Cnn"
    assert "state_dict()" in answer["hint"]


def test_a_torchscript_module_is_refused(judge: Judge) -> None:
    file = io.BytesIO()
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), file)
    refused(judge, writing(file.getvalue()), "torchscript_file")


def test_an_exported_program_is_refused(judge: Judge, canary: Path) -> None:
    contents = {
        "x/archive_format": b"pt2",
        "x/models/model.json": b"{}",
        "x/data/sample_inputs/model.pt": pickle.dumps(touch(canary)),
    }
    refused(judge, writing(zipped(contents)), "exported_program")


def sparse() -> torch.Tensor:
    return torch.sparse_coo_tensor(torch.tensor([[0, 1]]), torch.ones(2), (2,), check_invariants=True)


WHOLE = saved(cnn().state_dict())
HUGE = 2**40
STATE_DICTS: dict[str, tuple[bytes, str]] = {
    "a storage of fewer numbers than declared": (
        rewritten(WHOLE, lambda name, data: data[:-4] if name.endswith("data/0") else data),
        "unreadable_file",
    ),
    "a storage that is missing": (
        rewritten(WHOLE, lambda name, data: None if name.endswith("data/0") else data),
        "unreadable_file",
    ),
    "a pickle cut short": (
        rewritten(WHOLE, lambda name, data: data[:-20] if name.endswith(".pkl") else data),
        "unreadable_file",
    ),
    "no pickle": (
        rewritten(WHOLE, lambda name, data: None if name.endswith(".pkl") else data),
        "unreadable_file",
    ),
    "a strange byte order": (
        rewritten(WHOLE, lambda name, data: b"middle" if name.endswith("byteorder") else data),
        "unreadable_file",
    ),
    "one number repeated to a shape of a trillion": (
        saved({"w": torch.zeros(1).expand(HUGE)}),
        "unsupported_tensor",
    ),
    "rows that overlap": (saved({"w": view((2, 3), (1, 1))}), "unsupported_tensor"),
    "a trillion numbers declared, four stored": (
        torch_archive(pickled_tensor((HUGE,), (1,), numel=HUGE), data__0=bytes(16)),
        "weights_mismatch",
    ),
    "a shape beyond its storage": (
        torch_archive(pickled_tensor((HUGE,), (1,), numel=4), data__0=bytes(16)),
        "weights_mismatch",
    ),
    "a negative shape": (
        torch_archive(pickled_tensor((-4,), (1,), numel=4), data__0=bytes(16)),
        "unreadable_file",
    ),
    "a negative offset": (
        torch_archive(pickled_tensor((2,), (1,), numel=4, offset=-9), data__0=bytes(16)),
        "unreadable_file",
    ),
    "a shape that overflows": (
        torch_archive(pickled_tensor((2**40, 2**40), (2**40, 1), numel=4), data__0=bytes(16)),
        "unreadable_file",
    ),
    "a sparse tensor": (saved({"w": sparse()}), "unsupported_tensor"),
    "a quantized tensor": (
        torch_archive(pickle.dumps(Calls(torch._utils._rebuild_qtensor, 1), 2)),
        "unsupported_tensor",
    ),
    "a complex tensor": (saved({"w": torch.zeros(2, dtype=torch.complex64)}), "code_in_file"),
    "a list": (saved([torch.zeros(2)]), "no_state_dict"),
    "a bare tensor": (saved(torch.zeros(2)), "no_state_dict"),
    "no tensors": (saved({"epoch": 3}), "no_state_dict"),
    "an empty state dict": (saved({"state_dict": {}}), "no_state_dict"),
    "names that are numbers": (saved({0: torch.zeros(2)}), "no_state_dict"),
    "a list among the tensors": (saved({"w": torch.zeros(2), "x": [1]}), "no_state_dict"),
    "a name of a million letters": (saved({"w" * 1_000_000: torch.zeros(2)}), "unreadable_file"),
    "a list nested a hundred thousand deep": (
        torch_archive(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."),
        "no_state_dict",
    ),
    "a path out of the folder": (zipped({"../../etc/data.pkl": b"x"}), "unreadable_file"),
    "the old format of torch": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "legacy_format"),
}


@pytest.mark.parametrize("kind", STATE_DICTS)
def test_a_state_dict_that_lies_is_refused(judge: Judge, kind: str) -> None:
    content, code = STATE_DICTS[kind]
    refused(judge, writing(content), code)


def deflated(contents: dict[str, bytes]) -> bytes:
    return zipped(contents, zipfile.ZIP_DEFLATED)


def test_two_members_of_one_name_are_refused(judge: Judge) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/data.pkl", b"x")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a/data.pkl", b"y")
    refused(judge, writing(file.getvalue()), "unreadable_file")


@pytest.mark.parametrize("megabytes", [8, 100])
def test_a_compressed_archive_is_refused_before_it_is_unpacked(judge: Judge, megabytes: int) -> None:
    bomb = deflated({"archive/data.pkl": b"\x80\x02}.", "archive/data/0": bytes(megabytes * 1_000_000)})
    refused(judge, writing(bomb), "zip_bomb")


def test_an_encrypted_archive_is_refused(judge: Judge) -> None:
    locked = bytearray(WHOLE)
    directory = locked.rfind(b"PK\x01\x02")
    locked[directory + 8] |= 1
    refused(judge, writing(bytes(locked)), "unreadable_file")


def test_a_directory_of_four_billion_bytes_is_refused_by_its_claim(judge: Judge) -> None:
    lie = bytearray(rewritten(WHOLE, lambda _, data: data))
    end = lie.rfind(b"PK\x05\x06")
    struct.pack_into("<I", lie, end + 12, 0xFFFF_FFF0)
    refused(judge, writing(bytes(lie)), "unreadable_file")


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused(judge: Judge, share: float) -> None:
    refused(judge, writing(WHOLE[: int(len(WHOLE) * share)]), "unreadable_file")


@pytest.mark.parametrize("content", [b"", b"\x00", b"\xff" * 100, b"GIF89a", b"<html>not found</html>"])
def test_what_is_no_file_of_weights_is_refused(judge: Judge, content: bytes) -> None:
    refused(judge, writing(content), "unknown_format")
