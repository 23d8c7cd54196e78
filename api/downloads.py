"""Stored bytes as an answer: ranges, validators and digests (RFC 9110, RFC 9530)."""

from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from starlette.responses import StreamingResponse

from api.problems import Problem
from api.ranges import Slice, Unsatisfiable, names_etag, slice_of
from ledger.errors import NotFound, StoreUnavailable
from ledger.files import Store

_UNCHANGED = {"description": "`If-None-Match` names what is here."}
HEAD_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "What a GET would say of the whole."},
    304: _UNCHANGED,
}


def responses(media_type: str) -> dict[int | str, dict[str, Any]]:
    """What a download of this media type can answer, beside problems."""
    return {
        200: {"description": "The whole.", "content": {media_type: {}}},
        206: {"description": "The range that was asked for.", "content": {media_type: {}}},
        304: _UNCHANGED,
    }


@dataclass(frozen=True)
class Download:
    """Bytes in the store, and what they are called."""

    sha256: str
    bytes: int
    filename: str
    media_type: str = "application/octet-stream"


async def send(request: Request, store: Store, download: Download) -> Response:
    """The answer to a GET or HEAD of `download`.

    Raises:
        Problem: 416.
        StoreUnavailable: before anything is sent.
    """
    etag = f'"{download.sha256}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private",
        "Repr-Digest": repr_digest(download.sha256),
        "Content-Disposition": _attachment(download.filename),
    }
    if names_etag(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    part = _part(request, etag, download.bytes)
    slice_ = part or Slice(0, download.bytes)
    headers["Content-Length"] = str(slice_.length)
    if part is not None:
        headers["Content-Range"] = part.content_range(download.bytes)
    status = 200 if part is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=download.media_type)
    try:
        stream = await store.open_stream_async(download.sha256, slice_.start, slice_.end)
    except NotFound:
        raise StoreUnavailable("the store does not have these bytes; ask its operator") from None
    return StreamingResponse(stream, status, headers, download.media_type)


def repr_digest(sha256: str) -> str:
    return f"sha-256=:{b64encode(bytes.fromhex(sha256)).decode()}:"


def _part(request: Request, etag: str, size: int) -> Slice | None:
    """The range of a GET, unless `If-Range` says that the caller has parts of something else."""
    condition = request.headers.get("if-range")
    if request.method != "GET" or (condition is not None and condition.strip() != etag):
        return None
    try:
        return slice_of(request.headers.get("range"), size)
    except Unsatisfiable:
        raise Problem(
            416,
            "range_not_satisfiable",
            f"The range lies outside the {size} bytes that there are.",
            headers={"Content-Range": f"bytes */{size}"},
        ) from None


def _attachment(filename: str) -> str:
    """Always saved, never shown: what users upload must not run as a page of ours.

    Of a file in a folder, such as `huggingface/config.json`, the name alone (RFC 6266, section 4.3).
    """
    name = filename.rpartition("/")[2]
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
