"""Blob before row, garbage late: every order in which keeping and collecting can meet."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import select, update

from ledger import blobs, uploads
from ledger.database import Sessions, clock
from ledger.errors import BlobDoomed, InUse, NotFound, StoreUnavailable
from ledger.files import Store
from ledger.tables import Blob, Reference
from tests.ledger.builders import a_model, sha256_of

WORD = "the bytes of a model"
SHA256 = sha256_of(WORD)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "upload"
    path.write_text(WORD)
    return path


class DyingStore(Store):
    """A store whose process dies before or after one of its steps."""

    dies_at = ""

    def put(self, path: Path, sha256: str) -> None:
        self._die("before put")
        super().put(path, sha256)
        self._die("after put")

    def delete(self, sha256: str) -> None:
        self._die("before delete")
        super().delete(sha256)
        self._die("after delete")

    def _die(self, point: str) -> None:
        if self.dies_at == point:
            raise KeyboardInterrupt(point)


@pytest.fixture
def dying_store(store: Store, tmp_path: Path) -> DyingStore:
    """On the same folder as `store`."""
    return DyingStore(f"file://{tmp_path / 'store'}")


def keep(sessions: Sessions, store: Store, path: Path, *, wait_s: float = 10.0) -> None:
    blobs.keep(sessions, store, path=path, sha256=SHA256, size=len(WORD), wait_s=wait_s)


def age(sessions: Sessions) -> None:
    """A day passes."""
    with sessions.writing() as session:
        session.execute(update(Blob).values(touched_at=Blob.touched_at - blobs.GRACE_S - 1))
        doomed = Blob.doomed_at.is_not(None)
        session.execute(update(Blob).where(doomed).values(doomed_at=Blob.doomed_at - blobs.GRACE_S))


def rows(sessions: Sessions) -> list[str]:
    with sessions.reading() as session:
        return list(session.scalars(select(Blob.sha256)))


def refer(sessions: Sessions) -> None:
    with sessions.writing() as session:
        blobs.refer(session, "mdl_1", [SHA256])


def test_kept_bytes_can_be_referred_to_and_stay(sessions: Sessions, store: Store, path: Path) -> None:
    keep(sessions, store, path)
    refer(sessions)
    age(sessions)
    assert blobs.collect(sessions, store) == 0
    assert b"".join(store.open_stream(SHA256)).decode() == WORD


def test_bytes_that_nothing_refers_to_go_after_a_day_and_not_before(
    sessions: Sessions, store: Store, path: Path
) -> None:
    keep(sessions, store, path)
    assert blobs.collect(sessions, store) == 0
    age(sessions)
    assert blobs.collect(sessions, store) == 1
    assert rows(sessions) == []
    assert not store.exists(SHA256)


def test_keeping_again_gives_old_garbage_another_day(sessions: Sessions, store: Store, path: Path) -> None:
    keep(sessions, store, path)
    age(sessions)
    keep(sessions, store, path)
    assert blobs.collect(sessions, store) == 0


def test_released_bytes_become_garbage_once_the_last_owner_lets_go(
    sessions: Sessions, store: Store, path: Path
) -> None:
    keep(sessions, store, path)
    with sessions.writing() as session:
        for owner in ("mdl_1", "mdl_2"):
            blobs.refer(session, owner, [SHA256])
    for owner, collected in (("mdl_1", 0), ("mdl_2", 1)):
        with sessions.writing() as session:
            blobs.release(session, owner)
        age(sessions)
        assert blobs.collect(sessions, store) == collected


@pytest.mark.parametrize("point", ["before put", "after put"])
def test_a_keeper_that_dies_leaves_garbage_at_most_and_the_next_one_succeeds(
    sessions: Sessions, store: Store, dying_store: DyingStore, path: Path, point: str
) -> None:
    dying_store.dies_at = point
    with pytest.raises(KeyboardInterrupt):
        keep(sessions, dying_store, path)
    with sessions.reading() as session:
        assert session.scalars(select(Reference)).all() == []
    keep(sessions, store, path)
    refer(sessions)
    assert store.exists(SHA256)


def test_a_keeper_that_died_before_its_row_leaves_nothing_after_a_day(
    sessions: Sessions, store: Store, dying_store: DyingStore, path: Path
) -> None:
    dying_store.dies_at = "after put"
    with pytest.raises(KeyboardInterrupt):
        keep(sessions, dying_store, path)
    age(sessions)
    assert blobs.collect(sessions, store) == 1
    assert not store.exists(SHA256)


@pytest.mark.parametrize("point", ["before delete", "after delete"])
def test_a_collector_that_dies_is_finished_by_the_next_one(
    sessions: Sessions, store: Store, dying_store: DyingStore, path: Path, point: str
) -> None:
    keep(sessions, store, path)
    age(sessions)
    dying_store.dies_at = point
    with pytest.raises(KeyboardInterrupt):
        blobs.collect(sessions, dying_store)
    assert rows(sessions) == [SHA256]
    with pytest.raises(BlobDoomed):
        refer(sessions)
    with pytest.raises(BlobDoomed):
        keep(sessions, store, path, wait_s=0.2)
    assert blobs.collect(sessions, store) == 0  # it may still be at work
    age(sessions)
    assert blobs.collect(sessions, store) == 1
    keep(sessions, store, path)
    refer(sessions)
    assert store.exists(SHA256)


def test_a_collector_that_is_too_slow_leaves_the_rest_to_the_next_one(
    sessions: Sessions, store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(sessions, store, path)
    age(sessions)
    with monkeypatch.context() as at_once:
        at_once.setattr(blobs, "ADOPT_AFTER_S", 0.0)
        assert blobs.collect(sessions, store) == 0
    assert store.exists(SHA256)
    age(sessions)
    assert blobs.collect(sessions, store) == 1
    assert not store.exists(SHA256)


def test_an_uploader_that_meets_a_doomed_blob_waits_and_writes_it_again(
    sessions: Sessions, store: Store, path: Path
) -> None:
    keep(sessions, store, path)
    age(sessions)
    at_work = threading.Event()
    let_go = threading.Event()

    class SlowStore(Store):
        def delete(self, sha256: str) -> None:
            at_work.set()
            assert let_go.wait(20)
            super().delete(sha256)

    slow = SlowStore(f"file://{path.parent / 'store'}")
    collector = threading.Thread(target=blobs.collect, args=(sessions, slow))
    collector.start()
    assert at_work.wait(20)
    uploader = threading.Thread(target=keep, args=(sessions, store, path))
    uploader.start()
    uploader.join(0.3)
    assert uploader.is_alive()
    let_go.set()
    collector.join()
    uploader.join()
    refer(sessions)
    assert b"".join(store.open_stream(SHA256)).decode() == WORD


def test_a_row_that_refers_just_before_the_doom_saves_the_bytes(postgresql_url: str, path: Path) -> None:
    """The collector's statement has begun when the reference commits; it must look again."""
    from ledger.database import connect

    sessions, store = connect(postgresql_url), Store(f"file://{path.parent / 'store'}")
    keep(sessions, store, path)
    age(sessions)
    collected: list[int] = []
    with sessions.writing() as session:
        blobs.refer(session, "mdl_1", [SHA256])
        collector = threading.Thread(target=lambda: collected.append(blobs.collect(sessions, store)))
        collector.start()
        collector.join(0.5)
    collector.join()
    assert collected == [0]
    assert store.exists(SHA256)
    sessions.dispose()


def test_nothing_refers_to_bytes_that_were_never_kept(sessions: Sessions) -> None:
    with pytest.raises(BlobDoomed):
        refer(sessions)


def test_a_failing_store_leaves_the_doom_in_place(sessions: Sessions, store: Store, path: Path) -> None:
    keep(sessions, store, path)
    age(sessions)

    class BrokenStore(Store):
        def delete(self, sha256: str) -> None:
            raise StoreUnavailable("the bucket does not answer")

    with pytest.raises(StoreUnavailable):
        blobs.collect(sessions, BrokenStore(f"file://{path.parent / 'store'}"))
    assert rows(sessions) == [SHA256]


def test_a_file_in_use_names_its_users_and_goes_once_they_are_gone(
    sessions: Sessions, store: Store, path: Path, project_id: str, other_project_id: str
) -> None:
    keep(sessions, store, path)
    with sessions.writing() as session:
        file = uploads.add_file(
            session, project_id=project_id, filename="m.pt", purpose="model", sha256=SHA256, size=len(WORD)
        )
        model = a_model(session, project_id)
        model.file_id = file.id
    with pytest.raises(InUse) as refused, sessions.writing() as session:
        uploads.delete_file(session, project_id, file.id)
    assert refused.value.users == (model.id,)
    with pytest.raises(NotFound), sessions.writing() as session:
        uploads.delete_file(session, other_project_id, file.id)
    with sessions.writing() as session:
        session.delete(session.merge(model))
        session.flush()
        uploads.delete_file(session, project_id, file.id)
        session.execute(update(Blob).values(touched_at=clock() - 2 * blobs.GRACE_S))
    assert blobs.collect(sessions, store) == 1
