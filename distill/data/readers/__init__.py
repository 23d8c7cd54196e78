"""The formats that a dataset may come in. One reader is one file and one row here."""

from collections.abc import Callable
from pathlib import Path

from distill.config.folder import InspectDataset
from distill.data.examples import Examples
from distill.data.readers import conll, csv, digits, jsonl, npz
from distill.rejection import Rejected

Reader = Callable[[Path, InspectDataset], Examples]

READERS: dict[str, Reader] = {
    "npz": npz.read,
    "csv": csv.read,
    "jsonl": jsonl.read,
    "conll": conll.read,
    "txt": conll.read,
}
"""By the name of the format, which is also the file's suffix."""

BUILTINS: dict[str, Reader] = {
    "digits": digits.read,
}


def read(upload: Path, request: InspectDataset) -> Examples:
    """The examples of a request, by its built-in name, its format, or the suffix of its file.

    Raises:
        Rejected: the source is unknown or cannot be read; says what to do.
    """
    if request.builtin is not None:
        if request.builtin not in BUILTINS:
            raise Rejected(
                "unknown_builtin",
                "user",
                f"there is no built-in dataset '{request.builtin}'",
                f"there are: {', '.join(BUILTINS)}",
            )
        return BUILTINS[request.builtin](upload, request)
    suffix = Path(request.filename or "").suffix.lower().lstrip(".")
    name = suffix if request.format == "auto" else request.format
    if name not in READERS:
        raise Rejected(
            "unknown_format",
            "user",
            f"a dataset cannot be read from '{request.filename}' in the format '{name or 'unknown'}'",
            f"upload one of: {', '.join('.' + known for known in READERS)}, or give `format`",
        )
    return READERS[name](upload, request)
