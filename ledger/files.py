"""Blobs under their sha256, in a folder or in a bucket, behind the same calls."""

import errno
import hashlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import obstore
from obstore import exceptions
from obstore.store import LocalStore, S3Store

from ledger.errors import BlobCorrupt, NotFound, StoreFull, StoreUnavailable

CHUNK = 4 * 2**20
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ASIDE = "partial"
"""The folder within the store of what is being written."""
_ABANDONED_AFTER_S = 24 * 3600.0
_ONE_PUT = 64 * 2**20
"""Up to this many bytes S3 is asked to create the object, and to refuse where it is there."""


class Store:
    """Every method streams; none holds more than a few chunks of a blob in memory.

    All of them raise `StoreUnavailable` where the store does not answer as it should.
    """

    def __init__(self, url: str, options: Mapping[str, str] | None = None) -> None:
        """`file:///path`, or `s3://bucket/prefix` with `endpoint`, `access_key_id`,
        `secret_access_key`, `region` as options (else from the environment, as AWS tools do)."""
        parts = urlsplit(url)
        self._folder: Path | None = None
        if parts.scheme == "file":
            self._folder = Path(parts.path)
            with _plainly():
                self._folder.mkdir(parents=True, exist_ok=True)
                self._objects: LocalStore | S3Store = LocalStore(self._folder)
        elif parts.scheme == "s3":
            self._objects = _bucket(parts.netloc, parts.path.strip("/"), dict(options or {}))
        else:
            raise ValueError(f"a store is file:///path or s3://bucket/prefix, not {url!r}")

    def put(self, path: Path, sha256: str) -> None:
        """Write the file's bytes under their name, whole or not at all; again is harmless.

        Raises:
            BlobCorrupt: the bytes are not what `sha256` says.
            StoreFull: there is no room.
        """
        with _plainly():
            if self._folder is not None:
                _put_in_folder(self._folder, path, sha256)
            else:
                _check(path, sha256)
                self._put_in_bucket(path, sha256)

    def fetch(self, sha256: str, to: Path) -> None:
        """Write the blob to a file, which appears only once its bytes are verified.

        Raises:
            NotFound: the store has no such blob.
            BlobCorrupt: the stored bytes are not what their name says.
        """
        aside = to.with_name(f".{to.name}.{secrets.token_hex(4)}")
        digest = hashlib.sha256()
        try:
            with _plainly(), aside.open("wb") as file:
                for chunk in self.open_stream(sha256):
                    digest.update(chunk)
                    file.write(chunk)
            if digest.hexdigest() != sha256:
                raise BlobCorrupt(f"the stored bytes of {sha256} have the sha256 {digest.hexdigest()}")
            aside.replace(to)
        finally:
            aside.unlink(missing_ok=True)

    def open_stream(self, sha256: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to, not including, `end`.

        Raises:
            NotFound: the store has no such blob (before the first byte).
        """
        with _plainly(sha256):
            result = obstore.get(self._objects, _key(sha256), options=_range(start, end))
        return self._chunks(result)

    async def open_stream_async(
        self, sha256: str, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        """`open_stream` that holds no thread while it waits."""
        with _plainly(sha256):
            result = await obstore.get_async(self._objects, _key(sha256), options=_range(start, end))
        return self._chunks_async(result)

    def exists(self, sha256: str) -> bool:
        with _plainly():
            try:
                obstore.head(self._objects, _key(sha256))
            except (FileNotFoundError, exceptions.NotFoundError):
                return False
        return True

    def size(self, sha256: str) -> int:
        """In bytes.

        Raises:
            NotFound: the store has no such blob.
        """
        with _plainly(sha256):
            return int(obstore.head(self._objects, _key(sha256))["size"])

    def delete(self, sha256: str) -> None:
        """Remove the blob; one that is not there is gone already."""
        with _plainly():
            try:
                obstore.delete(self._objects, _key(sha256))
            except (FileNotFoundError, exceptions.NotFoundError):
                return

    def clear_partial(self, *, older_than_s: float = _ABANDONED_AFTER_S) -> None:
        """Remove what writers that died left unfinished. A bucket does that by a rule of its own."""
        if self._folder is None:
            return
        with _plainly():
            for aside in (self._folder / _ASIDE).glob("*"):
                if time.time() - aside.stat().st_mtime > older_than_s:
                    aside.unlink(missing_ok=True)

    def probe(self) -> None:
        """Write, read and remove a few bytes."""
        name = f"probe/{secrets.token_hex(8)}"
        with _plainly():
            obstore.put(self._objects, name, b"ready")
            obstore.get(self._objects, name).bytes()
            obstore.delete(self._objects, name)

    def _put_in_bucket(self, path: Path, sha256: str) -> None:
        if path.stat().st_size > _ONE_PUT:
            obstore.put(self._objects, _key(sha256), path)  # in parts; the same bytes, so may overwrite
            return
        try:
            obstore.put(self._objects, _key(sha256), path, mode="create")
        except exceptions.AlreadyExistsError:
            return

    @staticmethod
    def _chunks(result: "obstore.GetResult") -> Iterator[bytes]:
        with _plainly():
            for chunk in result.stream(min_chunk_size=CHUNK):
                yield bytes(chunk)

    @staticmethod
    async def _chunks_async(result: "obstore.GetResult") -> AsyncIterator[bytes]:
        with _plainly():
            async for chunk in result.stream(min_chunk_size=CHUNK):
                yield bytes(chunk)


def _key(sha256: str) -> str:
    return f"blobs/{sha256[:2]}/{sha256}"


def _range(start: int, end: int | None) -> "obstore.GetOptions":
    if end:  # 0 is the end of an empty blob, of which no range can be asked
        return {"range": (start, end)}
    return {"range": {"offset": start}} if start else {}


def _bucket(name: str, prefix: str, options: dict[str, str]) -> S3Store:
    endpoint = options.get("endpoint", "")
    return S3Store(
        name,
        prefix=prefix or None,
        config=options,  # type: ignore[arg-type]  # a plain dict of what the operator set
        client_options={
            "allow_http": endpoint.startswith("http://"),
            "timeout": "60s",
            "connect_timeout": "4s",
        },
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
    )


def _put_in_folder(folder: Path, path: Path, sha256: str) -> None:
    """Write aside, sync, rename, sync the directory: a power cut leaves all of it or nothing."""
    target = folder / _key(sha256)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = folder / _ASIDE / f"{sha256}.{secrets.token_hex(4)}"
    aside.parent.mkdir(exist_ok=True)
    try:
        digest = hashlib.sha256()
        with path.open("rb") as source, aside.open("xb") as file:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != sha256:
            raise BlobCorrupt(f"the file to keep as {sha256} has the sha256 {digest.hexdigest()}")
        aside.replace(target)
        _sync_directory(target.parent)
    finally:
        aside.unlink(missing_ok=True)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check(path: Path, sha256: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise BlobCorrupt(f"the file to keep as {sha256} has the sha256 {found}")


@contextmanager
def _plainly(sha256: str | None = None) -> Iterator[None]:
    """Say in the ledger's words what the folder or the bucket said in its own."""
    try:
        yield
    except (FileNotFoundError, exceptions.NotFoundError) as error:
        if sha256 is None:
            raise StoreUnavailable(f"the blob store has lost a path: {error}") from error
        raise NotFound("blob", sha256) from None
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StoreFull("the blob store is full") from error
        raise StoreUnavailable(f"the blob store failed: {error}") from error
    except exceptions.BaseError as error:
        if any(os.strerror(number) in str(error) for number in _NO_ROOM):
            raise StoreFull("the blob store is full") from error
        raise StoreUnavailable(f"the blob store failed: {str(error).splitlines()[0]}") from error
