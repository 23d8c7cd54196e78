"""What an uploaded file is, by its first bytes and its members; its name is a hint to people only."""

from pathlib import Path
from typing import Literal

from distill import archives
from distill.config.folder import InspectModel
from distill.inspect.state_dict_file import MOST_MEMBERS
from distill.rejection import Rejected

Kind = Literal["safetensors", "state-dict", "huggingface", "pickle"]

HINT = "upload .safetensors, a .pt or .pth that holds a state dict, or a Hugging Face .zip"
SPOKEN = {
    "safetensors": "a .safetensors file",
    "state-dict": "a state dict of torch.save",
    "huggingface": "a Hugging Face .zip",
}


def kind_of_file(path: Path, request: InspectModel) -> Kind:
    """The kind of the file at `path`.

    Raises:
        Rejected: `unknown_format`, or `format_mismatch` where the request says another.
    """
    kind = _kind(path, request.filename)
    if request.format not in ("auto", kind) and kind != "pickle":
        raise Rejected(
            "format_mismatch",
            "user",
            f"the request says {SPOKEN[request.format]}; the file is {SPOKEN[kind]}",
            "leave `format` out, or set it to auto",
            {"pointer": "/format"},
        )
    return kind


def _kind(path: Path, filename: str) -> Kind:
    with path.open("rb") as file:
        start = file.read(9)
    if start.startswith(b"PK"):
        with archives.opened(path, most_members=MOST_MEMBERS, what="zip archive", hint=HINT) as archive:
            names = {name.split("/")[-1] for name in archive.namelist()}
        return "huggingface" if "config.json" in names and "data.pkl" not in names else "state-dict"
    if start[8:] == b"{" or filename.endswith(".safetensors"):
        return "safetensors"
    if start.startswith(b"\x80") or filename.endswith((".pkl", ".pickle")):
        return "pickle"
    described = "is empty" if not start else f"begins with {start[:8]!r}"
    raise Rejected("unknown_format", "data", f"'{filename}' {described}; that is no file of weights", HINT)
