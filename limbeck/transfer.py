"""Bytes up and down: streamed at constant memory, and never trusted without their sha256."""

import base64
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from limbeck.errors import Corrupted, Unreachable
from limbeck.transport import Transport

CHUNK = 1 << 20
_TRIES = 8

Moved = Callable[[int], object]
"""Is told how many more bytes have moved."""


def upload(
    transport: Transport, path: Path, *, filename: str, purpose: str, moved: Moved = lambda count: None
) -> dict[str, Any]:
    """Send the file at `path`; the file object that the service made of it.

    Raises: OSError where it cannot be read; Corrupted where the service received other bytes.
    """
    sent = hashlib.sha256()

    def body() -> Iterator[bytes]:
        nonlocal sent
        sent = hashlib.sha256()
        with path.open("rb") as source:
            while chunk := source.read(CHUNK):
                sent.update(chunk)
                yield chunk
                moved(len(chunk))

    response = transport.request(
        "POST",
        "/v1/files",
        params={"filename": filename, "purpose": purpose},
        body=body,
        headers={
            "Content-Length": str(path.stat().st_size),
            "Content-Type": "application/octet-stream",
        },
    )
    file: dict[str, Any] = response.json()
    if file["sha256"] != sent.hexdigest():
        raise Corrupted(
            f"{path} arrived with other bytes: sent {sent.hexdigest()}, stored {file['sha256']}. "
            "Was it written to meanwhile? Send it again."
        )
    return file


def download(
    transport: Transport,
    path: str,
    to: Path,
    *,
    sha256: str | None = None,
    moved: Moved = lambda count: None,
) -> str:
    """Fetch `path` into the file `to` and return its sha256; a lost connection goes on where it broke.

    The file appears under its name only when all of it is there and right: by `sha256`, else by the
    digest that the answer promises.

    Raises: Corrupted, Unreachable, Refused.
    """
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(f".{to.name}.part")
    received = hashlib.sha256()
    try:
        with part.open("wb") as sink:
            promised = _receive(transport, path, sink.write, received, moved)
            sink.flush()
            os.fsync(sink.fileno())
        expected = sha256 or promised
        if expected is not None and received.hexdigest() != expected:
            raise Corrupted(
                f"{to.name} is damaged: its sha256 is {received.hexdigest()}, not {expected}. Pull it again."
            )
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)
    return received.hexdigest()


def _receive(
    transport: Transport,
    path: str,
    write: Callable[[bytes], object],
    received: "hashlib._Hash",
    moved: Moved,
) -> str | None:
    """Read all bytes, resuming by range; the sha256 that the service promised for them."""
    offset, tag = 0, ""
    for tries_left in reversed(range(_TRIES)):
        headers = {"Accept-Encoding": "identity"}
        if offset:
            headers |= {"Range": f"bytes={offset}-", "If-Range": tag}
        try:
            with transport.stream(path, headers=headers) as response:
                if offset and response.status_code != 206:
                    raise Corrupted(f"{path} changed while it was read; pull it again")
                tag = response.headers.get("ETag", "")
                for chunk in response.iter_bytes():
                    write(chunk)
                    received.update(chunk)
                    offset += len(chunk)
                    moved(len(chunk))
                return _promised(response.headers)
        except httpx.TransportError as error:
            if not tries_left or (offset and not tag):
                raise Unreachable(f"the download of {path} broke off: {error}") from error
    raise AssertionError("the last try returns or raises")


def _promised(headers: Mapping[str, str]) -> str | None:
    """The sha256 in `Repr-Digest: sha-256=:<base64>:`, in hexadecimal."""
    for entry in headers.get("Repr-Digest", "").split(","):
        algorithm, _, value = entry.strip().partition("=")
        if algorithm == "sha-256":
            return base64.b64decode(value.strip(":")).hex()
    return None
