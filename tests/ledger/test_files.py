"""The store: a folder and a bucket behind the same calls."""

import errno
import hashlib
import os
import socket
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from ledger import files
from ledger.errors import BlobCorrupt, NotFound, StoreFull, StoreUnavailable
from ledger.files import Store
from tests.ledger.waiting import until

BYTES = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(BYTES).hexdigest()
ABSENT = "0" * 64


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    """An S3 server of our own."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: socket.create_connection(("127.0.0.1", port), timeout=1).close() is None)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


@pytest.fixture(params=["folder", "bucket"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return Store(f"file://{tmp_path / 'store'}")
    return bucket(request.getfixturevalue("s3_endpoint"))


def bucket(endpoint: str) -> Store:
    options = {
        "endpoint": endpoint,
        "access_key_id": "test",
        "secret_access_key": "test",  # moto takes anything
        "region": "us-east-1",
    }
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket="limbeck")
    for found in client.list_objects_v2(Bucket="limbeck").get("Contents", []):
        client.delete_object(Bucket="limbeck", Key=found["Key"])
    client.close()
    return Store("s3://limbeck/some/prefix", options)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "upload"
    path.write_bytes(BYTES)
    return path


def test_what_was_put_comes_back_whole_in_ranges_and_as_a_verified_file(
    anywhere: Store, path: Path, tmp_path: Path
) -> None:
    assert not anywhere.exists(SHA256)
    anywhere.put(path, SHA256)
    anywhere.put(path, SHA256)
    assert anywhere.exists(SHA256)
    assert anywhere.size(SHA256) == len(BYTES)
    assert b"".join(anywhere.open_stream(SHA256)) == BYTES
    assert b"".join(anywhere.open_stream(SHA256, 100)) == BYTES[100:]
    assert b"".join(anywhere.open_stream(SHA256, 100, 300)) == BYTES[100:300]
    anywhere.fetch(SHA256, tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == BYTES
    anywhere.delete(SHA256)
    anywhere.delete(SHA256)
    assert not anywhere.exists(SHA256)


async def collect(store: Store, start: int, end: int | None) -> bytes:
    return b"".join([chunk async for chunk in await store.open_stream_async(SHA256, start, end)])


def test_the_asynchronous_stream_gives_the_same_bytes(anywhere: Store, path: Path) -> None:
    import asyncio

    anywhere.put(path, SHA256)
    assert asyncio.run(collect(anywhere, 7, 999_999)) == BYTES[7:999_999]


def test_an_empty_blob_comes_back_empty_by_its_size(anywhere: Store, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    sha256 = hashlib.sha256(b"").hexdigest()
    anywhere.put(empty, sha256)

    assert b"".join(anywhere.open_stream(sha256, 0, anywhere.size(sha256))) == b""


def test_an_absent_blob_is_not_found_before_the_first_byte(anywhere: Store, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        anywhere.open_stream(ABSENT)
    with pytest.raises(NotFound):
        anywhere.size(ABSENT)
    with pytest.raises(NotFound):
        anywhere.fetch(ABSENT, tmp_path / "fetched")
    assert not list(tmp_path.glob("*fetched*"))


def test_bytes_that_are_not_what_their_name_says_are_never_put(anywhere: Store, path: Path) -> None:
    with pytest.raises(BlobCorrupt):
        anywhere.put(path, ABSENT)
    assert not anywhere.exists(ABSENT)


def test_a_probe_leaves_nothing(store: Store, tmp_path: Path) -> None:
    store.probe()
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


def test_a_probe_goes_through_anywhere(anywhere: Store) -> None:
    anywhere.probe()


def test_a_damaged_blob_is_noticed_when_it_is_fetched(store: Store, path: Path, tmp_path: Path) -> None:
    store.put(path, SHA256)
    (blob,) = (tmp_path / "store").rglob(SHA256)
    blob.write_bytes(b"x" + BYTES[1:])
    with pytest.raises(BlobCorrupt):
        store.fetch(SHA256, tmp_path / "fetched")
    assert not list(tmp_path.glob("*fetched*"))


def test_a_bucket_that_cannot_be_reached_is_unavailable(path: Path, tmp_path: Path) -> None:
    options = {
        "endpoint": f"http://127.0.0.1:{free_port()}",
        "access_key_id": "test",
        "secret_access_key": "test",
        "region": "us-east-1",
    }
    store = Store("s3://limbeck", options)
    for attempt in (lambda: store.put(path, SHA256), store.probe, lambda: store.exists(SHA256)):
        with pytest.raises(StoreUnavailable):
            attempt()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_to_be_full_and_leaves_nothing_behind(
    store: Store, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(StoreFull):
        store.put(path, SHA256)
    assert [found for found in (tmp_path / "store").rglob("*") if found.is_file()] == []


def test_another_failure_of_the_disk_is_unavailable(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(files.os, "fsync", broken)
    with pytest.raises(StoreUnavailable):
        store.put(path, SHA256)


def test_bytes_are_synced_before_their_name_is_there(
    store: Store, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen_at_first_sync: list[bool] = []
    sync = os.fsync

    def watch(descriptor: int) -> None:
        if not seen_at_first_sync:
            seen_at_first_sync.append(bool(list((tmp_path / "store").rglob(SHA256))))
        sync(descriptor)

    monkeypatch.setattr(files.os, "fsync", watch)
    store.put(path, SHA256)
    assert seen_at_first_sync == [False]


def test_memory_stays_small_however_large_the_blob(store: Store, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        for _ in range(12):
            file.write(BYTES * 8)
    with large.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    tracemalloc.start()
    store.put(large, sha256)
    store.fetch(sha256, tmp_path / "fetched")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert large.stat().st_size > 90 * 2**20
    assert peak < 40 * 2**20


def test_an_address_that_is_no_store_is_refused_with_the_two_that_are() -> None:
    with pytest.raises(ValueError, match=r"file:///path or s3://bucket/prefix"):
        Store("ftp://example")


def test_what_a_writer_that_died_left_is_cleared_after_a_day_and_what_is_being_written_is_not(
    store: Store, path: Path, tmp_path: Path
) -> None:
    partial = tmp_path / "store" / "partial"
    partial.mkdir()
    old, fresh = partial / "old", partial / "fresh"
    for file in (old, fresh):
        file.write_bytes(b"half of it")
    os.utime(old, (time.time() - 25 * 3600,) * 2)
    store.put(path, SHA256)
    for _ in range(2):
        store.clear_partial()
    assert (old.exists(), fresh.exists(), store.exists(SHA256)) == (False, True, True)
