"""Everything that a job needs to go on, in one file that is either whole or not there.

The file is a safetensors file: tensors by name, and the rest as JSON in its metadata.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor


@dataclass
class State:
    """What a part of a job is: tensors, and facts that JSON can hold."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def put(self, name: str, part: "State") -> None:
        """Keep `part` under `name`."""
        self.tensors.update({f"{name}/{key}": tensor for key, tensor in part.tensors.items()})
        self.facts[name] = part.facts

    def take(self, name: str) -> "State":
        """The part that was put under `name`."""
        return State(self.group(name), self.facts[name])

    def group(self, name: str) -> dict[str, Tensor]:
        """The tensors under `name`, their names without it."""
        prefix = name + "/"
        return {
            key.removeprefix(prefix): tensor for key, tensor in self.tensors.items() if key.startswith(prefix)
        }


@dataclass(frozen=True)
class Written:
    """A file that is whole on disk under its final name."""

    path: Path
    sha256: str
    bytes: int


class CheckpointUnreadable(Exception):
    """The file is no checkpoint, or was cut."""


def write_checkpoint(path: Path, state: State) -> Written:
    """Write `state` to `path`: aside first, synced, read back and compared, then renamed.

    Raises:
        OSError: the file could not be written, or does not read back as it was written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".partial")
    tensors = separate_tensors(state.tensors)
    save_file(tensors, aside, metadata={"facts": json.dumps(state.facts)})
    with aside.open("rb+") as file:
        os.fsync(file.fileno())
        digest = file_digest(file, "sha256").hexdigest()
    _compare(read_checkpoint(aside).tensors, tensors)
    aside.replace(path)
    sync_directory(path.parent)
    return Written(path, digest, path.stat().st_size)


def read_checkpoint(path: Path) -> State:
    """The state in `path`, its tensors on the CPU.

    Raises:
        CheckpointUnreadable: the file is cut, or no checkpoint.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})["facts"])
            return State({name: file.get_tensor(name) for name in file.keys()}, facts)  # noqa: SIM118 - no dict
    except (SafetensorError, KeyError, ValueError) as error:
        raise CheckpointUnreadable(f"{path.name} is no whole checkpoint: {error}") from error


def sync_directory(folder: Path) -> None:
    """Make the names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def separate_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous CPU tensors, none of which is part of another, as the format wants them."""
    seen: set[int] = set()
    separate = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        storage = tensor.untyped_storage()
        if storage.nbytes() != tensor.nbytes or storage.data_ptr() in seen:
            tensor = tensor.clone()
        seen.add(tensor.untyped_storage().data_ptr())
        separate[name] = tensor
    return separate


def _compare(read: Mapping[str, Tensor], written: Mapping[str, Tensor]) -> None:
    if read.keys() != written.keys() or not all(
        torch.equal(_bits(read[name]), _bits(tensor)) for name, tensor in written.items()
    ):
        raise OSError("a checkpoint did not read back as it was written: the disk may be failing")


def _bits(tensor: Tensor) -> Tensor:
    """The bytes of a tensor: NaN is equal to itself here."""
    return tensor.flatten().view(torch.uint8)
