"""Zip archives from strangers: judged by their directory, read member by member, never extracted by name."""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distill.rejection import Rejected

LARGEST_DIRECTORY = 32 << 20
HIGHEST_RATIO = 300
"""Of unpacked to packed bytes, beyond `HARMLESS` bytes; real weights and data stay far below."""
HARMLESS = 64_000_000
END_OF_DIRECTORY = b"PK\x05\x06"
END_OF_DIRECTORY_64 = b"PK\x06\x06"
LONGEST_END = 22 + 65_535 + 20 + 56
READING_FAILS = (
    zipfile.BadZipFile,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    OverflowError,
)
"""What `zipfile` and `zlib` raise on damaged bytes; `RuntimeError` for encryption is asked first."""


@contextmanager
def opened(path: Path, *, most_members: int, what: str, hint: str) -> Iterator[zipfile.ZipFile]:
    """The archive at `path`, once its directory is found harmless.

    Raises:
        Rejected: `unreadable_file` or `zip_bomb`; also for whatever is found damaged while it is open.
    """
    try:
        _require_small_directory(path)
        with zipfile.ZipFile(path) as archive:
            _require_plain_members(archive, path.stat().st_size, most_members)
            yield archive
    except READING_FAILS as error:
        raise Rejected(
            "unreadable_file", "data", f"the file is no whole {what}: {str(error)[:200]}", hint
        ) from error


def copy_member(archive: zipfile.ZipFile, name: str, to: Path) -> None:
    """Write one member to `to`; never more than its declared size."""
    with archive.open(name) as source, to.open("wb") as target:
        while block := source.read(1 << 20):
            target.write(block)


def read_member(archive: zipfile.ZipFile, name: str, *, at_most: int) -> bytes:
    """The bytes of a small member.

    Raises:
        Rejected: it declares more than `at_most` bytes.
    """
    size = archive.getinfo(name).file_size
    if size > at_most:
        raise Rejected(
            "too_large", "data", f"'{name[:100]}' has {size:,} bytes; at most {at_most:,} are read"
        )
    return archive.read(name)


def _require_small_directory(path: Path) -> None:
    """Look at the last bytes alone: `zipfile` would keep an object for each of many million members."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - LONGEST_END))
        end = file.read()
    at = end.rfind(END_OF_DIRECTORY)
    if at < 0 or len(end) < at + 22:
        raise zipfile.BadZipFile("its end is missing: the upload was cut short, or it is no zip archive")
    (directory,) = struct.unpack_from("<I", end, at + 12)
    at_64 = end.rfind(END_OF_DIRECTORY_64, 0, at)
    if at_64 >= 0:
        (directory,) = struct.unpack_from("<Q", end, at_64 + 40)
    if directory > min(LARGEST_DIRECTORY, size):
        raise zipfile.BadZipFile(f"its directory claims {directory:,} bytes")


def _require_plain_members(archive: zipfile.ZipFile, size: int, most: int) -> None:
    members = archive.infolist()
    if len(members) > most:
        raise zipfile.BadZipFile(f"it has {len(members):,} members; at most {most:,} are read")
    if len({member.filename for member in members}) != len(members):
        raise zipfile.BadZipFile("two of its members have the same name")
    for member in members:
        if member.flag_bits & 1:
            raise zipfile.BadZipFile(f"'{member.filename[:100]}' is encrypted")
    unpacked = sum(member.file_size for member in members)
    if unpacked > HARMLESS and unpacked > HIGHEST_RATIO * size:
        raise Rejected(
            "zip_bomb",
            "data",
            f"{size:,} bytes would unpack to {unpacked:,}",
            "real data compresses far less: write the file again without compression",
        )
