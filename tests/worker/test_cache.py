import hashlib
import os
from pathlib import Path

import pytest

from ledger.errors import NotFound
from ledger.files import Store
from worker import hashing
from worker.cache import Cache


def put(store: Store, tmp_path: Path, content: bytes) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    source = tmp_path / "source"
    source.write_bytes(content)
    store.put(source, sha256)
    return sha256


@pytest.fixture
def cache(store: Store, tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", store, limit_bytes=100)


def test_bytes_are_placed_read_only_and_fetched_once(
    cache: Cache, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = put(store, tmp_path, b"weights")
    cache.place("prj", sha256, tmp_path / "a" / "in" / "model")
    monkeypatch.setattr(store, "fetch", lambda *_: pytest.fail("fetched again"))
    cache.place("prj", sha256, tmp_path / "b" / "model")
    assert (tmp_path / "b" / "model").read_bytes() == b"weights"
    assert (tmp_path / "b" / "model").stat().st_mode & 0o222 == 0


def test_a_damaged_copy_is_fetched_again(cache: Cache, store: Store, tmp_path: Path) -> None:
    sha256 = put(store, tmp_path, b"weights")
    cache.place("prj", sha256, tmp_path / "first")
    kept = tmp_path / "cache" / "prj" / sha256
    kept.unlink()
    kept.write_bytes(b"poison!")
    cache.place("prj", sha256, tmp_path / "second")
    assert (tmp_path / "second").read_bytes() == b"weights"


def test_one_project_does_not_see_what_another_has_fetched(
    cache: Cache, store: Store, tmp_path: Path
) -> None:
    sha256 = put(store, tmp_path, b"weights")
    cache.place("mine", sha256, tmp_path / "first")
    store.delete(sha256)
    with pytest.raises(NotFound):
        cache.place("theirs", sha256, tmp_path / "second")


def test_the_longest_unused_goes_when_there_is_too_much(cache: Cache, store: Store, tmp_path: Path) -> None:
    ids = [put(store, tmp_path, bytes([n]) * 40) for n in range(3)]
    for age, sha256 in enumerate(ids[:2]):
        target = tmp_path / sha256
        cache.place("prj", sha256, target)
        target.unlink()  # the job is done
        os.utime(tmp_path / "cache" / "prj" / sha256, (age, age))
    cache.place("prj", ids[2], tmp_path / "third")
    assert {path.name for path in (tmp_path / "cache" / "prj").iterdir()} == set(ids[1:])


def test_what_another_process_fetches_just_now_does_not_go(
    cache: Cache, store: Store, tmp_path: Path
) -> None:
    arriving, abandoned = tmp_path / "cache" / "prj" / ".arriving", tmp_path / "cache" / "prj" / ".abandoned"
    arriving.parent.mkdir(parents=True)
    for file in (arriving, abandoned):
        file.write_bytes(b"x" * 200)
    os.utime(abandoned, (0, 0))
    cache.place("prj", put(store, tmp_path, b"weights"), tmp_path / "target")
    assert arriving.exists()
    assert not abandoned.exists()


def test_a_copy_that_another_process_evicts_meanwhile_is_fetched_again(
    cache: Cache, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = put(store, tmp_path, b"weights")
    cache.place("prj", sha256, tmp_path / "first")
    look = hashing.sha256_of
    evictions = iter([True])

    def evicted_before(path: Path) -> str:
        if next(evictions, False):
            path.unlink()
        return look(path)

    monkeypatch.setattr("worker.cache.sha256_of", evicted_before)
    cache.place("prj", sha256, tmp_path / "second")
    assert (tmp_path / "second").read_bytes() == b"weights"


def test_where_links_do_not_work_it_is_a_copy(
    cache: Cache, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    sha256 = put(store, tmp_path, b"weights")
    monkeypatch.setattr(os, "link", refuse)
    cache.place("prj", sha256, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"weights"
    assert (tmp_path / "copy").stat().st_mode & 0o222 == 0
