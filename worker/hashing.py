"""The name of a file's bytes."""

import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """The sha256 of the file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
