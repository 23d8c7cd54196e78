"""A disk that is full for a while: that of the store, of the worker, of the database."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url

from ledger.files import Store
from ledger.settings import Settings
from tests.faults.fleet import Fleet
from tests.faults.tally import Tally
from tests.faults.test_points import chain, count
from tests.faults.whole import assert_nothing_lost, assert_whole

STEPS = 60
FULL_FOR_S = 3.0
pytestmark = [pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Disk:
    """A small file system in memory."""

    path: Path

    def fill(self) -> None:
        """Up to the last byte."""
        with (self.path / "filler").open("wb", buffering=0) as filler:
            for size in (2**16, 2**12, 1):
                try:
                    while True:
                        filler.write(os.urandom(size))
                except OSError:
                    continue

    def free(self) -> None:
        (self.path / "filler").unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", path], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a small disk cannot be mounted here: that takes root, and a kernel that lets it")
    yield Disk(path)
    subprocess.run(["umount", "--lazy", path], check=True)


@pytest.fixture
def full(request: pytest.FixtureRequest) -> str:
    """What lies on the small disk."""
    part: str = request.param
    return part


@pytest.fixture
def store(disk: Disk, full: str, tmp_path: Path) -> Store:
    return Store(f"file://{(disk.path if full == 'store' else tmp_path) / 'store'}")


@pytest.fixture
def sqlite_url(sqlite_template: Path, disk: Disk, full: str, tmp_path: Path) -> str:
    path = (disk.path if full == "database" else tmp_path) / "limbeck.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def settings(settings: Settings, disk: Disk, full: str, tmp_path: Path) -> Settings:
    return settings.model_copy(
        update={
            "store_url": f"file://{(disk.path if full == 'store' else tmp_path) / 'store'}",
            "work_dir": (disk.path if full == "work" else tmp_path) / "work",
        }
    )


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    """It tries again as patiently as in earnest, in proportion."""
    fleet.settings = fleet.settings.model_copy(update={"retry_delay": timedelta(seconds=0.2)})
    return fleet


def suffer(fleet: Fleet, disk: Disk) -> str:
    """A job on whose way the disk is full for a while."""
    job_id = fleet.submit(chain(STEPS))
    fleet.until(lambda: len(fleet.yard.checkpoints(job_id)) > 0)
    disk.fill()
    fleet.rest(FULL_FOR_S)
    disk.free()
    fleet.until_ended(job_id)
    return job_id


@pytest.mark.parametrize("full", ["store", "work"], indirect=True)
def test_a_full_disk_costs_a_job_some_time_and_nothing_else(
    full: str, fleet: Fleet, disk: Disk, tally: Tally
) -> None:
    fleet.start()
    for _ in range(3):
        assert_whole(fleet, suffer(fleet, disk), steps=STEPS)
    assert_nothing_lost(fleet)
    count(fleet, tally, f"full disk: {full}", 3)


@pytest.mark.parametrize("full", ["database"], indirect=True)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_full_disk_of_the_database_costs_a_job_some_time_and_nothing_else(
    full: str, fleet: Fleet, disk: Disk, tally: Tally
) -> None:
    assert str(make_url(fleet.settings.database_url).database).startswith(str(disk.path))
    fleet.start()
    for _ in range(3):
        assert_whole(fleet, suffer(fleet, disk), steps=STEPS)
    assert_nothing_lost(fleet)
    count(fleet, tally, f"full disk: {full}", 3)


@pytest.mark.parametrize("full", ["store"], indirect=True)
def test_a_full_store_takes_no_upload_and_says_so(full: str, fleet: Fleet, disk: Disk, tally: Tally) -> None:
    fleet.start()
    disk.fill()
    upload = {"params": {"filename": "some.npz", "purpose": "dataset"}, "content": os.urandom(2**20)}
    refused = fleet.ask_once("POST", "/v1/files", **upload)
    assert refused.status_code == 507
    assert fleet.ask_once("GET", "/v1/files").json()["data"] == []
    disk.free()
    assert fleet.ask_once("POST", "/v1/files", **upload).status_code == 201
    tally.add("full disk: upload", 1)
