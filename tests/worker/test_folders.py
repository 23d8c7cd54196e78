import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from worker import folders, leftovers, processes
from worker.folders import Folder

SUPERVISE = """
import subprocess, sys, time
from pathlib import Path
from worker import folders
with folders.made(Path(sys.argv[1]), "attempt") as folder:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], cwd="/",
                               start_new_session=True)
    folder.remember(process.pid)
    print(process.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    return Folder(tmp_path)


def test_a_folder_is_gone_when_its_block_ends_whatever_is_in_it(tmp_path: Path) -> None:
    with folders.made(tmp_path, "attempt") as folder:
        assert folder.inputs.is_dir()
        (folder.outputs / "closed" / "in").mkdir(parents=True)
        (folder.outputs / "elsewhere").symlink_to(tmp_path)
        (folder.outputs / "closed").chmod(0)
    assert not folder.path.exists()
    assert tmp_path.is_dir()


def test_what_a_living_supervisor_works_on_is_no_leftover(tmp_path: Path) -> None:
    with folders.made(tmp_path, "attempt") as folder:
        assert leftovers.sweep(tmp_path) == 0
        assert folder.path.exists()


def test_the_process_and_the_folder_of_a_dead_supervisor_go(tmp_path: Path) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert supervisor.stdout is not None
    with supervisor.stdout:
        orphan = int(supervisor.stdout.readline())
    supervisor.kill()
    supervisor.wait()
    assert processes.start_time(orphan) is not None
    assert leftovers.sweep(tmp_path) == 1
    assert list((tmp_path / "attempts").iterdir()) == []
    while processes.start_time(orphan) is not None:
        pass


def test_a_process_that_only_has_the_number_of_the_dead_one_lives_on(tmp_path: Path) -> None:
    bystander = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True
    )
    place = tmp_path / "attempts" / "old"
    place.mkdir(parents=True)
    started = processes.start_time(bystander.pid)
    assert started is not None
    (place / "process").write_text(f"{bystander.pid} {started - 1}")
    assert leftovers.sweep(tmp_path) == 1
    assert bystander.poll() is None
    bystander.send_signal(signal.SIGKILL)
    bystander.wait()


def test_nothing_is_left_over_where_nobody_worked(tmp_path: Path) -> None:
    assert leftovers.sweep(tmp_path / "new") == 0


def test_a_file_in_out_was_produced(folder: Folder) -> None:
    (folder.outputs / "student").write_text("weights")
    assert folder.produced("out/student").read_text() == "weights"


@pytest.mark.parametrize(
    "path", ["out/missing", "out", "in/request.json", "out/../in/request.json", "/etc/passwd"]
)
def test_nothing_else_was(folder: Folder, path: str) -> None:
    (folder.inputs / "request.json").write_text("{}")
    with pytest.raises((FileNotFoundError, ValueError)):
        folder.produced(path)


def test_what_a_link_leads_to_was_not_produced(folder: Folder, tmp_path: Path) -> None:
    (folder.inputs / "request.json").write_text("{}")
    (folder.outputs / "link").symlink_to(folder.inputs / "request.json")
    (folder.outputs / "folder").symlink_to(folder.inputs)
    for path in ("out/link", "out/folder/request.json"):
        with pytest.raises(FileNotFoundError):
            folder.produced(path)
