import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from limbeck.children import Child

PARENT = """
import sys, time
from pathlib import Path
from limbeck.children import Child
folder = Path(sys.argv[1])
command = [sys.executable, "-c", "import time; time.sleep(600)"]
child = Child("sleeper", command, folder, folder / "log", {}, ())
child.start()
print(child.process.pid, flush=True)
time.sleep(600)
"""


def child(folder: Path, program: str) -> Child:
    return Child("child", [sys.executable, "-u", "-c", program], folder, folder / "child.log", {}, ())


def test_a_child_dies_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-P", "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        sleeper = psutil.Process(int(parent.stdout.readline()))
        assert sleeper.cwd() == str(tmp_path)
        parent.kill()
    sleeper.wait(10)


def test_a_child_that_does_not_stop_is_killed_with_its_group(tmp_path: Path) -> None:
    stubborn = child(
        tmp_path,
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.fork(); "
        "print('ready'); time.sleep(600)",
    )
    stubborn.start()
    assert stubborn.process is not None
    while stubborn.log.read_text().count("ready") < 2:
        assert not stubborn.died()
    grandchildren = psutil.Process(stubborn.process.pid).children()
    assert len(grandchildren) == 1

    stubborn.ask_to_stop()
    status = stubborn.ends_with(time.monotonic() + 0.2)

    assert status == -signal.SIGKILL
    psutil.wait_procs(grandchildren, timeout=10)
    assert not any(process.is_running() and process.status() != "zombie" for process in grandchildren)


def test_a_child_that_stops_as_asked_is_not_waited_for_longer(tmp_path: Path) -> None:
    tame = child(tmp_path, "import time; time.sleep(600)")
    tame.start()

    tame.ask_to_stop()

    assert tame.ends_with(time.monotonic() + 60) == -signal.SIGTERM


def test_a_child_that_dies_again_and_again_is_known_for_it(tmp_path: Path) -> None:
    weak = child(tmp_path, "print('no such table: jobs')")
    for _ in range(5):
        assert not weak.keeps_dying()
        weak.start()
        weak.ends_with(time.monotonic() + 60)
        assert weak.died()

    assert weak.keeps_dying()
    assert weak.last_words().endswith("no such table: jobs")


def test_a_long_log_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limbeck.children._LARGEST_LOG", 10)
    (tmp_path / "child.log").write_text("x" * 11)
    short = child(tmp_path, "print('new')")

    short.start()
    short.ends_with(time.monotonic() + 60)

    assert (tmp_path / "child.log").read_text() == "new\n"
    assert (tmp_path / "child.log.1").read_text() == "x" * 11
