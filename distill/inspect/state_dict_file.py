"""`.pt` and `.pth`: a state dict as `torch.save` writes it, judged before torch reads it.

In order: the archive's directory, the pickle's opcodes, names and shapes on the meta device (which
reads no weights), strides against storages; only then the weights, with `weights_only=True`.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import torch
from torch import Tensor

from distill import archives
from distill.inspect.pickle_scan import first_forbidden
from distill.inspect.tensors import MOST_TENSORS, Upload, require_known_dtypes
from distill.rejection import Rejected

LARGEST_PICKLE = 32 << 20
MOST_MEMBERS = MOST_TENSORS + 100
MEMBERS = re.compile(
    r"(?:[^/]+/)?(?:data\.pkl|version|byteorder|\.format_version|\.storage_alignment"
    r"|\.data/serialization_id|data/\d+)"
)
NESTS = ("state_dict", "model_state_dict", "model", "ema")
SAVE_HINT = "save the weights alone: torch.save(model.state_dict(), path), or as .safetensors"


def open_state_dict(path: Path, *, key: str | None) -> Upload:
    """Names, shapes and dtypes of the state dict in `path`; `key` says under which entry it is.

    Raises:
        Rejected: `code_in_file`, `unreadable_file`, `zip_bomb`, `unsupported_tensor`, ...
    """
    with archives.opened(
        path, most_members=MOST_MEMBERS, what="file of torch.save", hint=SAVE_HINT
    ) as archive:
        _require_state_dict_archive(archive, path.stat().st_size)
    found_in, weights, beside = _weights(_load(path, "meta"), key)
    for name, tensor in weights.items():
        _require_dense(name, tensor)
    require_known_dtypes(tensor.dtype for tensor in weights.values())
    return Upload(
        shapes={name: tuple(tensor.shape) for name, tensor in weights.items()},
        dtypes={name: tensor.dtype for name, tensor in weights.items()},
        read=lambda: _weights(_load(path, "cpu"), key)[1],
        found_in=found_in,
        beside=beside,
    )


def refuse_bare_pickle(path: Path) -> Rejected:
    """Why a pickle that is no archive of torch is not read: by what it would call, else by its age."""
    with path.open("rb") as file:
        start = file.read(LARGEST_PICKLE)
    if forbidden := _first_forbidden(start):
        return _code_in_file(forbidden)
    return Rejected(
        "legacy_format",
        "data",
        "the file is a bare pickle, as torch wrote before version 1.6",
        f"load it where you trust it, and {SAVE_HINT}",
    )


def _require_state_dict_archive(archive: ZipFile, size: int) -> None:
    names = archive.namelist()
    if any("/code/" in name or name.endswith("constants.pkl") for name in names):
        raise Rejected(
            "torchscript_file",
            "data",
            "the file is a TorchScript module, which carries a program that would run here",
            SAVE_HINT,
        )
    if any(name.endswith((".json", "archive_format")) or "/models/" in name for name in names):
        raise Rejected(
            "exported_program",
            "data",
            "the file is an exported program (.pt2), which can carry code that runs when it is loaded",
            SAVE_HINT,
        )
    strange = next((name for name in names if MEMBERS.fullmatch(name) is None), None)
    if strange is not None:
        raise Rejected("unreadable_file", "data", f"a state dict has no member '{strange[:100]}'", SAVE_HINT)
    if any(member.compress_type != ZIP_STORED for member in archive.infolist()):
        raise Rejected(
            "zip_bomb",
            "data",
            "the archive is compressed, which torch.save never does: it could unpack to any size",
            SAVE_HINT,
        )
    if sum(member.file_size for member in archive.infolist()) > size:
        raise Rejected("unreadable_file", "data", "its members claim more bytes than the file has", SAVE_HINT)
    pickles = [name for name in names if name.endswith("data.pkl")]
    if len(pickles) != 1:
        raise Rejected("unreadable_file", "data", "a state dict has exactly one data.pkl", SAVE_HINT)
    if forbidden := _first_forbidden(archives.read_member(archive, pickles[0], at_most=LARGEST_PICKLE)):
        raise _code_in_file(forbidden)


def _first_forbidden(pickled: bytes) -> str | None:
    try:
        return first_forbidden(pickled)
    except (ValueError, IndexError, OverflowError) as error:
        raise Rejected(
            "unreadable_file", "data", f"its pickle is damaged: {str(error)[:200]}", SAVE_HINT
        ) from error


def _code_in_file(name: str) -> Rejected:
    kind = next((word for word in ("sparse", "qtensor", "nested") if word in name), None)
    if kind is not None:
        return Rejected(
            "unsupported_tensor",
            "data",
            f"the file holds tensors that are not dense: it calls '{name[:200]}'",
            "convert them first: tensor.to_dense(), or tensor.dequantize()",
        )
    return Rejected(
        "code_in_file",
        "data",
        f"loading this file would run '{name[:200]}'; a file of weights needs no such thing, so it was not "
        "loaded and nothing ran",
        SAVE_HINT,
        {"refers_to": name[:200]},
    )


def _load(path: Path, device: str) -> Any:
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # damaged bytes raise whatever they like; none of it may pass for a bug
        raise Rejected(
            "unreadable_file",
            "data",
            f"the file is no whole state dict: {str(error).splitlines()[0][:300] if str(error) else error!r}",
            SAVE_HINT,
        ) from error


def _weights(loaded: Any, key: str | None) -> tuple[str | None, dict[str, Tensor], tuple[str, ...]]:
    """The state dict, the entry it was under, and what else was beside it."""
    if not isinstance(loaded, Mapping):
        raise Rejected(
            "no_state_dict", "data", f"the file holds a {type(loaded).__name__}, no state dict", SAVE_HINT
        )
    beside = tuple(str(name)[:100] for name in list(loaded)[:50])
    if key is not None:
        if key not in loaded:
            raise Rejected(
                "no_state_dict", "user", f"the file has no entry '{key}'", f"it has: {', '.join(beside[:20])}"
            )
        return key, _tensors(loaded[key], key), beside
    if any(isinstance(value, Tensor) for value in loaded.values()):
        return None, _tensors(loaded, None), ()
    nest = next((name for name in NESTS if isinstance(loaded.get(name), Mapping)), None)
    if nest is None:
        raise Rejected(
            "no_state_dict",
            "data",
            f"no tensors were found at the top, nor under {', '.join(NESTS)}; "
            f"there is: {', '.join(beside[:20]) or 'nothing'}",
            "say where they are with `state_dict_key`",
        )
    return nest, _tensors(loaded[nest], nest), beside


def _tensors(entries: Any, at: str | None) -> dict[str, Tensor]:
    where = f"'{at}'" if at else "the file"
    if not isinstance(entries, Mapping) or not entries:
        raise Rejected("no_state_dict", "data", f"{where} holds no tensors", SAVE_HINT)
    if len(entries) > MOST_TENSORS:
        raise Rejected("unreadable_file", "data", f"{where} holds {len(entries):,} entries", SAVE_HINT)
    for name, value in entries.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise Rejected(
                "no_state_dict",
                "data",
                f"{where} holds more than tensors: '{str(name)[:100]}' is a {type(value).__name__}",
                SAVE_HINT,
            )
    return dict(entries)


def _require_dense(name: str, tensor: Tensor) -> None:
    """A view that repeats or overlaps its storage has more elements than the file has numbers."""
    if tensor.layout != torch.strided or tensor.is_quantized:
        raise Rejected("unsupported_tensor", "data", f"'{name[:200]}' is not dense", "call tensor.to_dense()")
    if tensor.numel() == 0:
        return
    reach = 1
    for stride, side in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if side > 1:
            if stride < reach:
                raise Rejected(
                    "unsupported_tensor",
                    "data",
                    f"'{name[:200]}' of shape {tuple(tensor.shape)} repeats the same stored numbers",
                    "save tensor.clone() in place of an expanded view",
                )
            reach = stride * side
