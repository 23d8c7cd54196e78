"""What `python -m worker` makes of its command line and its settings."""

import subprocess
import sys
from pathlib import Path

import pytest

from ledger.errors import SigningKeyUnusable
from ledger.settings import Settings
from ledger.signing import ensure_key
from ledger.states import Lane
from worker.__main__ import muster
from worker.app import arguments
from worker.place import Place
from worker.sandbox import Sandbox


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        database_url="sqlite://",
        broker_url="redis://",
        store_url=f"file://{tmp_path}",
        work_dir=tmp_path,
        sandbox="limits",
    )


def with_devices(settings: Settings, *devices: str) -> Settings:
    return settings.model_copy(update={"devices": list(devices)})


def test_each_slot_owns_one_gpu_and_those_beyond_none(settings: Settings) -> None:
    crew = muster(with_devices(settings, "0", "1"), lanes="cpu,gpu", concurrency=3)
    assert [crew.device_of(slot) for slot in range(3)] == ["0", "1", None]
    assert [crew.lanes_of(slot) for slot in range(3)] == [("cpu", "gpu"), ("cpu", "gpu"), ("cpu",)]


def test_a_worker_of_the_gpu_lane_alone_has_a_slot_for_each_gpu(settings: Settings) -> None:
    assert muster(with_devices(settings, "0", "1"), lanes="gpu", concurrency=None).slots == 2


def test_a_worker_without_a_gpu_leaves_the_rings_of_its_lane_to_others(settings: Settings) -> None:
    assert muster(settings, lanes="cpu,gpu", concurrency=2).lanes == (Lane.CPU,)


def test_a_worker_that_does_not_serve_the_gpu_lane_lends_no_gpu(settings: Settings) -> None:
    assert muster(with_devices(settings, "0"), lanes="cpu", concurrency=1).device_of(0) is None


@pytest.mark.parametrize(
    ("lanes", "sentence"),
    [
        ("gpu", "needs LIMBECK_DEVICES"),
        ("cpu,chores", "a worker of their own"),
        ("fast", "there is no lane 'fast'"),
        ("", "there is no lane"),
    ],
)
def test_lanes_that_cannot_be_are_refused_with_a_sentence(
    settings: Settings, lanes: str, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        muster(settings, lanes=lanes, concurrency=None)


def test_a_worker_that_runs_jobs_does_not_start_with_a_key_that_cannot_sign(
    settings: Settings, tmp_path: Path
) -> None:
    wrong = settings.model_copy(update={"signing_key": tmp_path / "nowhere"})
    with pytest.raises(SigningKeyUnusable, match="there is no such file"):
        muster(wrong, lanes="cpu", concurrency=None)
    assert muster(wrong, lanes="chores", concurrency=None).slots == 1  # it signs nothing


def test_a_key_in_sight_of_training_processes_is_refused(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "venv" / "signing.key"
    ensure_key(key)
    seen = settings.model_copy(update={"signing_key": key})
    monkeypatch.setattr("worker.__main__.detect", lambda wish: Sandbox("bubblewrap"))

    assert muster(seen, lanes="cpu", concurrency=None).slots == 1
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    with pytest.raises(SigningKeyUnusable, match="training processes can read"):
        muster(seen, lanes="cpu", concurrency=None)


def test_celery_is_told_to_fetch_nothing_ahead_and_to_gossip_with_nobody(settings: Settings) -> None:
    words = arguments(muster(with_devices(settings, "0"), lanes="cpu,gpu", concurrency=2))
    assert {"--disable-prefetch", "--without-gossip", "--without-mingle", "--without-heartbeat"} <= set(words)
    assert {"--queues=cpu,gpu", "--concurrency=2", "--pool=prefork"} <= set(words)


def test_two_workers_of_one_machine_have_different_names(settings: Settings) -> None:
    names = {muster(settings, lanes="chores", concurrency=None).name for _ in range(3)}
    assert len(names) == 3


def test_a_wrong_command_line_ends_with_one_sentence(tmp_path: Path) -> None:
    environment = {
        "LIMBECK_DATABASE_URL": "sqlite://",
        "LIMBECK_BROKER_URL": "redis://",
        "LIMBECK_STORE_URL": f"file://{tmp_path}",
        "LIMBECK_WORK_DIR": str(tmp_path),
        "PYTHONPATH": str(Path.cwd()),
    }
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "worker", "--lanes", "fast"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr == "python -m worker: there is no lane 'fast'; lanes are cpu, gpu and chores\n"


def place(settings: Settings, **changes: object) -> Place:
    fields = {"worker": "w", "lanes": (Lane.CPU,), "device": None, "drain": 0, **changes}
    return Place(settings=settings, sessions=None, store=None, sandbox=Sandbox("limits"), **fields)  # type: ignore[arg-type]  # it is only asked for its environment


def test_the_processes_of_a_machine_share_its_cores(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    shared = settings.model_copy(update={"concurrency": 4})
    assert place(shared).threads == 2
    environment = place(shared).environment(Path("/f"), training=True)
    assert environment["OMP_NUM_THREADS"] == "2"
    assert environment["OMP_WAIT_POLICY"] == "passive"
    assert place(settings.model_copy(update={"threads": 3})).threads == 3
    assert place(settings.model_copy(update={"concurrency": 99})).threads == 1


def test_a_child_whose_job_has_a_gpu_sees_that_one_and_others_none(settings: Settings) -> None:
    owner = place(settings, device="GPU-5b1d")
    assert owner.environment(Path("/f"), training=True, gpu=True)["CUDA_VISIBLE_DEVICES"] == "GPU-5b1d"
    assert owner.environment(Path("/f"), training=True)["CUDA_VISIBLE_DEVICES"] == ""
    assert place(settings).environment(Path("/f"), training=True)["CUDA_VISIBLE_DEVICES"] == ""


def test_a_child_is_offline_and_imports_from_no_folder(settings: Settings) -> None:
    environment = place(settings).environment(Path("/f"), training=True)
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert environment["PYTHONSAFEPATH"] == "1"
    assert int(environment["MALLOC_TRIM_THRESHOLD_"]) == 32 * 2**30
    assert not [name for name in environment if name.startswith("LIMBECK")]
