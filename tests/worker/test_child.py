import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from distill.config.events import Stopped, Warned
from tests.faults.stand_in.distill.words import SPEAK
from worker import processes
from worker.child import Child, Misspoke
from worker.sandbox import Sandbox

Begin = Callable[..., Child]


def heard(child: Child, *, within_s: float = 10) -> list[object]:
    """Everything that the child says until it ends."""
    events: list[object] = []
    deadline = time.monotonic() + within_s
    while not child.ended():
        assert time.monotonic() < deadline, "the child did not end"
        events += child.read(deadline - time.monotonic())
    return events + child.read(0)


def first(child: Child) -> object:
    while not (events := child.read(10)):
        assert not child.ended()
    return events[0]


def test_the_events_of_a_child_arrive_in_order_with_those_of_its_last_moment(begin: Begin) -> None:
    child = begin("for n in range(3000): say(type='warning', code=str(n), message='x' * 100)")
    codes = [event.code for event in heard(child) if isinstance(event, Warned)]
    ending = child.reap()
    assert codes == [str(n) for n in range(3000)]
    assert (ending.code, ending.signal) == (0, None)


def test_a_stop_line_reaches_the_child_and_its_exit_code_comes_back(begin: Begin) -> None:
    child = begin(
        "say(type='warning', code='ready', message='')\n"
        "wish = sys.stdin.readline().strip()\n"
        "say(type='stopped', wish=wish)\n"
        "sys.exit(11)"
    )
    first(child)
    child.say("drain")
    assert heard(child) == [Stopped(wish="drain")]
    assert child.reap().code == 11


def test_speaking_to_a_child_that_is_gone_is_no_error(begin: Begin) -> None:
    child = begin("")
    heard(child)
    child.say("cancel")
    assert child.reap().code == 0


def test_what_a_child_prints_and_its_traceback_are_its_log(begin: Begin, folder: Path) -> None:
    child = begin("print('step 1', flush=True); raise RuntimeError('no such layer')")
    heard(child)
    assert child.reap().code == 1
    log = (folder / "log.txt").read_text()
    assert log.startswith("step 1\n")
    assert "RuntimeError: no such layer" in log


def test_a_crash_is_told_by_its_signal_whatever_the_sandbox(begin: Begin) -> None:
    child = begin("os.kill(os.getpid(), 11)")
    heard(child)
    ending = child.reap()
    assert (ending.code, ending.signal) == (None, signal.SIGSEGV)
    assert not ending.out_of_memory


def test_a_line_that_is_no_event_is_not_believed(begin: Begin) -> None:
    child = begin("say(type='promoted', to='root'); time.sleep(60)")
    with pytest.raises(Misspoke, match="no event"):
        child.read(10)
    child.kill()
    assert child.reap().signal == signal.SIGKILL


def test_a_descriptor_that_turns_readable_ends_the_wait(begin: Begin) -> None:
    child = begin("time.sleep(60)")
    readable, writable = os.pipe()
    os.write(writable, b"!")
    before = time.monotonic()
    assert child.read(30, wake=[readable]) == []
    assert time.monotonic() - before < 5
    os.close(readable)
    os.close(writable)


def test_killing_takes_the_grandchildren_too_and_returns_when_all_are_gone(
    begin: Begin, folder: Path
) -> None:
    child = begin(
        "import subprocess\n"
        "for own in (False, True):\n"  # one of them has left the process group
        "    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', sys.argv[-1]],"
        " start_new_session=own)\n"
        "say(type='warning', code='ready', message='')\n"
        "time.sleep(60)"
    )
    first(child)
    assert len(processes.inside(folder)) >= 3
    child.kill()
    ending = child.reap()
    assert ending.signal == signal.SIGKILL
    assert processes.inside(folder) == []
    assert processes.group(child.pid) == []


def test_what_an_ended_child_left_behind_is_killed_as_well(begin: Begin, folder: Path) -> None:
    child = begin(
        "import subprocess\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', sys.argv[-1]])"
    )
    heard(child)
    assert child.reap().code == 0
    assert processes.inside(folder) == []


def test_the_process_group_names_its_folder_and_the_science(begin: Begin, folder: Path) -> None:
    child = begin("say(type='warning', code='ready', message=''); time.sleep(60)")
    first(child)
    for pid in processes.group(child.pid):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        assert b"distill" in words
        assert os.fsencode(folder) in words


def test_the_descriptors_of_many_children_are_given_back(begin: Begin) -> None:
    def cycle() -> int:
        child = begin("")
        heard(child)
        child.reap()
        return len(list(Path("/proc/self/fd").iterdir()))

    before = cycle()
    children = 8
    after = [cycle() for _ in range(children)][-1]
    # Threads that other tests left behind may open a file of their own; a leak is one for every child.
    assert after - before < children // 2


_SUPERVISOR = """
import sys, time
from pathlib import Path
from worker.child import start
from worker.sandbox import detect, inherited
folder = Path(sys.argv[1])
child = start([sys.executable, "-P", "-c", {script!r}, "distill", str(folder)], folder=folder,
              environment=inherited(), sandbox=detect(sys.argv[2]), log=folder / "log.txt")
while not child.read(10): pass
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("deaf", [False, True], ids=["that works", "that ignores every signal it can"])
def test_no_process_of_a_child_outlives_a_supervisor_killed_with_9(
    folder: Path, sandbox: Sandbox, deaf: bool
) -> None:
    ignore = "import signal; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]\n" if deaf else ""
    script = SPEAK + ignore + "say(type='warning', code='ready', message='')\nwhile True: pass"
    wish = "limits" if sandbox.kind == "limits" else "auto"
    supervisor = subprocess.Popen(
        [sys.executable, "-c", _SUPERVISOR.format(script=script), str(folder), wish],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert supervisor.stdout is not None
    with supervisor.stdout:
        assert supervisor.stdout.readline() == b"ready\n"
    assert len(processes.inside(folder)) > 1
    supervisor.kill()
    supervisor.wait()
    deadline = time.monotonic() + 2
    while processes.inside(folder):
        assert time.monotonic() < deadline, "orphans after 2 s"
        time.sleep(0.01)


def test_a_child_whose_supervisor_died_at_once_never_begins(folder: Path) -> None:
    command = Sandbox("limits").command(
        [sys.executable, "-c", "open('out/began', 'w').close()"], folder, supervisor=1
    )
    assert subprocess.run(command, cwd=folder, check=False).returncode == 1
    assert not (folder / "out" / "began").exists()
