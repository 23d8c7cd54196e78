"""A request body of any size into a file, at constant memory."""

import asyncio
import fcntl
import shutil
import time
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from api.problems import Problem

_BATCH = 2**20
_STALLED_S = 30.0
_PREFIX = "upload-"
_YOUNG_S = 60.0
"""A file may be so old before it is locked by whoever made it."""


@dataclass(frozen=True)
class Received:
    path: Path
    sha256: str
    bytes: int


@asynccontextmanager
async def received(request: Request, *, folder: Path, at_most: int) -> AsyncIterator[Received]:
    """The whole body, hashed, in a file that goes with the block (whoever left it, and why).

    Raises:
        Problem: 408, 413, 415, 422 or 507.
        ClientDisconnect: the caller went away.
    """
    promised = _promised_bytes(request)
    _refuse_before_reading(request, promised, folder, at_most)
    digests = _promised_digests(request)
    await run_in_threadpool(clear_abandoned, folder)
    with _held(folder) as file:
        path = Path(file.name)
        found, size = await _write(request, file, at_most)
        await run_in_threadpool(file.flush)
        if size == 0:
            raise Problem(422, "body_empty", "The body is empty; send the bytes of the file.")
        if any(digest != found for digest in digests):
            raise Problem(
                422, "digest_mismatch", "The bytes do not have the digest that was promised; send them again."
            )
        yield Received(path, found.hex(), size)


def clear_abandoned(folder: Path) -> None:
    """Remove the bodies whose receivers died: files that nobody holds and nobody has just made."""
    for path in folder.glob(f"{_PREFIX}*"):
        with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
            if time.time() - path.stat().st_mtime > _YOUNG_S:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


@contextmanager
def _held(folder: Path) -> Iterator[IO[bytes]]:
    """A new file, locked as long as the block lasts and gone after it. The lock goes with our process."""
    with NamedTemporaryFile(dir=folder, prefix=_PREFIX) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


async def _write(request: Request, file: IO[bytes], at_most: int) -> tuple[bytes, int]:
    """Copy the stream in batches, in a thread, so that the event loop never waits for the disk."""
    hasher = sha256()
    batch = bytearray()
    size = 0

    def flush() -> None:
        hasher.update(batch)
        file.write(batch)

    stream = request.stream()
    while chunk := await _next_chunk(stream):
        size += len(chunk)
        if size > at_most:
            raise _too_large(at_most)
        batch += chunk
        if len(batch) >= _BATCH:
            await run_in_threadpool(flush)
            batch.clear()
    await run_in_threadpool(flush)
    return hasher.digest(), size


async def _next_chunk(stream: AsyncIterator[bytes]) -> bytes:
    try:
        async with asyncio.timeout(_STALLED_S):
            return await anext(stream, b"")
    except TimeoutError:
        raise Problem(
            408, "upload_stalled", f"No byte came for {_STALLED_S:.0f} seconds; send the file again."
        ) from None


def _promised_bytes(request: Request) -> int | None:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else None


def _refuse_before_reading(request: Request, promised: int | None, folder: Path, at_most: int) -> None:
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Problem(415, "encoding_not_taken", "Send the bytes as they are, without Content-Encoding.")
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        raise Problem(
            415,
            "media_type_not_taken",
            "The body is a form; send the bytes of the file alone, as with curl --data-binary @FILE.",
        )
    if promised is None:
        return
    if promised > at_most:
        raise _too_large(at_most)
    if promised > shutil.disk_usage(folder).free:
        raise Problem(507, "store_full", f"There is no room for {promised} bytes.")


def _too_large(at_most: int) -> Problem:
    return Problem(413, "body_too_large", f"The body is larger than {at_most} bytes.")


def _promised_digests(request: Request) -> list[bytes]:
    """The sha256 of `Content-Digest` and `Repr-Digest` (the same here); other algorithms pass unread."""
    digests = []
    for header in ("content-digest", "repr-digest"):
        for member in ",".join(request.headers.getlist(header)).split(","):
            algorithm, _, value = member.strip().partition("=")
            if algorithm == "sha-256":
                digests.append(_decoded(header, value))
    return digests


def _decoded(header: str, value: str) -> bytes:
    try:
        digest = b64decode(value.strip(":"), validate=True)
    except NotBase64:
        digest = b""
    if len(digest) != 32 or not (value.startswith(":") and value.endswith(":")):
        raise Problem(422, "digest_malformed", f"{header} must read sha-256=:<32 bytes in base64>:.")
    return digest
