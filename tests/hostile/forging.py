"""Tools to forge files: pickles that run code, archives that lie, headers that overflow."""

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

Write = Callable[[Path], Any]


class Calls:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def writing(content: bytes) -> Write:
    return lambda path: path.write_bytes(content)


def saved(value: Any) -> bytes:
    """What `torch.save` writes."""
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def torch_archive(pickled: bytes, **members: bytes) -> bytes:
    """An archive such as `torch.save` writes, around a pickle of one's own."""
    contents = {"archive/data.pkl": pickled, "archive/version": b"3\n", "archive/byteorder": b"little"}
    contents |= {f"archive/{name.replace('__', '/')}": content for name, content in members.items()}
    return zipped(contents)


def zipped(contents: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return file.getvalue()


def rewritten(archive: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """The archive with each member changed, or left out where `change` gives None."""
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        contents = {name: change(name, source.read(name)) for name in source.namelist()}
    return zipped({name: content for name, content in contents.items() if content is not None})


def view(size: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """A tensor that claims `size` over a storage of four numbers."""
    return torch.zeros(4).as_strided(size, stride)


def pickled_tensor(size: tuple[int, ...], stride: tuple[int, ...], *, numel: int, offset: int = 0) -> bytes:
    """`{"w": tensor}` as torch pickles it, whatever the tensor claims."""

    class Storage:
        pass

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return ("storage", torch.FloatStorage, "0", "cpu", numel) if isinstance(value, Storage) else None

    file = io.BytesIO()
    arguments = (Storage(), offset, size, stride, False, {})
    Pickler(file, 2).dump({"w": Calls(torch._utils._rebuild_tensor_v2, *arguments)})
    return file.getvalue()


def safetensors(header: Any, data: bytes = b"", *, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(shape: list[Any], begin: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def npy(header: str, data: bytes = b"") -> bytes:
    """One array with a header of one's own."""
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def described(shape: str, dtype: str = "<f4") -> str:
    return f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
