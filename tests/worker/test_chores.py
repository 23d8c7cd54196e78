"""Inspections and plans whose process is a script, on both databases."""

import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from distill.config.document import parse_job
from ledger import catalog, lifecycle, tables
from ledger.database import Sessions, now
from ledger.errors import StoreUnavailable
from ledger.files import Store
from ledger.resolve import resolve
from ledger.settings import Settings
from ledger.uploads import add_file
from tests.worker.scripted import document, keep, quick, ready_dataset, scripted
from worker import processes
from worker.chores import run_chores

NETWORK = (
    "{'task': 'image-classification', 'architecture': 'mlp', 'config': {}, 'labels': ['0', '1'],"
    " 'num_outputs': 2, 'input': {'kind': 'image', 'shape': [1, 8, 8], 'dtype': 'uint8'},"
    " 'files': {'model.safetensors': FILE['sha256']}}"
)
INSPECTED = (
    "FILE = write('out/model.safetensors', pathlib.Path('in/upload').read_bytes())\n"
    f"say(type='model-inspected', network={NETWORK}, parameters=12, size_bytes=48, layers=[], report={{}})"
)


class Desk:
    """A model whose upload waits to be inspected."""

    def __init__(
        self, sessions: Sessions, store: Store, settings: Settings, project_id: str, tmp_path: Path
    ) -> None:
        self.sessions, self.store, self.project_id = sessions, store, project_id
        self.settings = quick(settings)
        self.hears, self.says = os.pipe()
        self.content = b"uploaded weights"
        sha256 = keep(sessions, store, self.content, tmp_path / "upload")
        with sessions.writing() as session:
            file = add_file(
                session,
                project_id=project_id,
                filename="weights.pt",
                purpose="model",
                sha256=sha256,
                size=len(self.content),
            )
            declared = {"name": "teacher", "file_id": file.id}
            model = catalog.register_model(session, project_id=project_id, declared=declared, file_id=file.id)
        self.model_id = model.id

    def work(self, script: str, **changes: object) -> None:
        settings = self.settings.model_copy(update=changes)
        run_chores(scripted(self.sessions, self.store, settings, script, drain=self.hears, lanes=("chores",)))

    def model(self) -> tables.Model:
        with self.sessions.reading() as session:
            return session.get_one(tables.Model, self.model_id)

    def problem(self) -> dict[str, object]:
        model = self.model()
        assert model.status == "rejected"
        assert model.problem is not None
        return model.problem

    def chore(self) -> tables.Chore:
        with self.sessions.reading() as session:
            return session.scalars(select(tables.Chore).order_by(tables.Chore.id.desc())).first()  # type: ignore[return-value]


@pytest.fixture
def desk(
    sessions: Sessions, store: Store, settings: Settings, project_id: str, tmp_path: Path
) -> Iterator[Desk]:
    desk = Desk(sessions, store, settings, project_id, tmp_path)
    yield desk
    os.close(desk.hears)
    os.close(desk.says)
    assert processes.inside(desk.settings.work_dir) == []
    assert list(desk.settings.work_dir.glob("attempts/*")) == []


def test_an_inspected_model_is_ready_and_its_bytes_are_in_the_store(desk: Desk, tmp_path: Path) -> None:
    desk.work(INSPECTED)
    model = desk.model()
    assert model.status == "ready", model.problem
    assert model.network is not None
    desk.store.fetch(model.network["files"]["model.safetensors"], tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == desk.content
    assert model.inspection is not None
    assert model.inspection["parameters"] == 12


def test_a_rejection_is_told_in_the_words_of_the_inspection(desk: Desk) -> None:
    desk.work(
        "say(type='failed', code='pickle', error_class='user', message='it holds code', hint='save weights',"
        " details={'globals': ['os.system']}); sys.exit(10)"
    )
    problem = desk.problem()
    assert (problem["code"], problem["class"], problem["hint"]) == ("pickle", "user", "save weights")
    assert problem["details"] == {"globals": ["os.system"]}


@pytest.mark.parametrize(
    "script",
    [
        "os.kill(os.getpid(), 11)",
        "raise RuntimeError('corrupt')",
        "pass",
        "say(type='promoted'); time.sleep(60)",
        INSPECTED + "; os.kill(os.getpid(), 11)",
        INSPECTED.replace("FILE['sha256']", "'0' * 64"),
        INSPECTED.replace("'model.safetensors':", "'../in/upload':"),
        "say(type='planned', stages=[], student={}, teacher={}, fits_memory=True, memory_bytes=1,"
        " estimate={}, warnings=[])",
    ],
    ids=[
        "a crash",
        "a traceback",
        "silence",
        "nonsense",
        "a crash after its word",
        "a wrong hash",
        "a path out of the folder",
        "another's answer",
    ],
)
def test_an_inspection_that_breaks_off_rejects_with_a_sentence(desk: Desk, script: str) -> None:
    desk.work(script)
    problem = desk.problem()
    assert problem["code"] == "inspection_crashed"
    assert str(problem["message"]).startswith("the process that reads this file broke off")
    assert "Traceback" not in str(problem)


def test_one_that_takes_too_long_rejects_with_the_limit(desk: Desk) -> None:
    desk.work("time.sleep(60)", inspect_timeout=timedelta(seconds=0.5))
    assert desk.problem()["code"] == "inspection_timeout"
    assert "1 s" in str(desk.problem()["message"]) or "0 s" in str(desk.problem()["message"])


def test_one_that_wants_too_much_memory_rejects_with_the_limit(desk: Desk) -> None:
    desk.work("bytearray(2**32)", inspect_memory_bytes=2**30)
    assert desk.problem()["code"] == "too_large_to_inspect"
    assert "1.0 GiB" in str(desk.problem()["message"])


def test_naming_bytes_without_having_them_does_not_get_them(desk: Desk, tmp_path: Path) -> None:
    secret = keep(desk.sessions, desk.store, b"another project's student", tmp_path / "secret")
    desk.work(INSPECTED.replace("FILE['sha256']", repr(secret)))
    assert desk.problem()["code"] == "inspection_crashed"


def test_a_store_that_is_away_puts_the_chore_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(desk.store, "fetch", away)
    desk.work(INSPECTED, retry_delay=timedelta(hours=1))
    assert desk.model().status == "inspecting"
    assert (desk.chore().status, desk.chore().crashes) == ("queued", 0)
    with desk.sessions.reading() as session:
        assert desk.chore().run_after > now(session) + 3000


def test_a_drain_puts_the_chore_back_uncounted(desk: Desk) -> None:
    os.write(desk.says, b".")
    desk.work(INSPECTED)
    assert (desk.chore().status, desk.chore().attempt) == ("queued", 0)


def test_a_drain_in_the_middle_kills_the_process_at_once(desk: Desk) -> None:
    before = time.monotonic()

    def ring_off() -> None:
        while desk.chore().status != "running":
            time.sleep(0.02)
        os.write(desk.says, b".")

    thread = threading.Thread(target=ring_off)
    thread.start()
    desk.work("time.sleep(60)")
    thread.join()
    assert time.monotonic() - before < 20
    assert (desk.chore().status, desk.chore().crashes) == ("queued", 0)


def test_a_plan_is_answered_from_records_alone(desk: Desk, tmp_path: Path) -> None:
    desk.work(INSPECTED)
    ready_dataset(desk.sessions, desk.store, desk.project_id, tmp_path)
    with desk.sessions.writing() as session:
        resolved = resolve(session, project_id=desk.project_id, document=parse_job(document()))
        lifecycle.add_plan(session, project_id=desk.project_id, resolved=resolved)
    desk.work(
        "request = json.load(open('in/request.json'))\n"
        "assert sorted(os.listdir('in')) == ['request.json'] and request['command'] == 'plan'\n"
        "say(type='planned', stages=[], student={'parameters': 9}, teacher={}, estimate={}, warnings=[],"
        " fits_memory=request['memory_bytes'] > 2**20, memory_bytes=1)"
    )
    chore = desk.chore()
    assert chore.status == "done", chore.error
    assert chore.result is not None
    assert chore.result["student"] == {"parameters": 9}
    assert chore.result["fits_memory"] is True
