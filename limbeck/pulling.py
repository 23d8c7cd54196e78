"""Which files of a job are wanted, and where each goes: into the folder that was given, and nowhere else."""

from collections.abc import Sequence
from pathlib import Path

from limbeck.errors import LimbeckError
from limbeck.objects import Artifact

_OWN_FORMAT = "safetensors"
"""The student's own files have it all together."""


def of_format(artifacts: Sequence[Artifact], form: str) -> list[Artifact]:
    """The files of the student in one format, with what belongs beside any of them.

    Raises:
        LimbeckError: the job left none; it says which formats there are.
    """
    formats = {_format(artifact) for artifact in artifacts} - {None}
    if form not in formats:
        there = ", ".join(sorted(map(str, formats))) or "no student"
        raise LimbeckError(f"the job left no '{form}'; there is: {there}")
    return [artifact for artifact in artifacts if _belongs(artifact) or _format(artifact) == form]


def place(folder: Path, filename: str) -> Path:
    """Where a file of this name goes: into `folder`, or into one folder in it.

    Raises:
        LimbeckError: the name would lead elsewhere, or a link in `folder` does.
    """
    parts = filename.split("/")
    if len(parts) > 2 or not all(map(_is_plain, parts)):
        raise LimbeckError(f"the service names a file '{filename}', which is no plain file name")
    target = folder.joinpath(*parts)
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        raise LimbeckError(f"{target.parent} leads out of {folder}; remove it, or pull into another folder")
    return target


def _belongs(artifact: Artifact) -> bool:
    """Beside every format: what it is, what its bytes should be, and of text how it is read."""
    return artifact["kind"] in ("card", "manifest") or artifact["filename"] == "tokenizer.json"


def _format(artifact: Artifact) -> str | None:
    match artifact["kind"]:
        case "student":
            return _OWN_FORMAT
        case "export":
            return artifact["format"]
    return None


def _is_plain(part: str) -> bool:
    """A name on every system: no separator, no drive, no way up, nothing that a terminal acts on."""
    return part not in ("", ".", "..") and part.isprintable() and not set(part) & set("\\/:")
