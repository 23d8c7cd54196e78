import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.worker.test_child import heard
from worker import sandbox as sandboxes
from worker.child import Child
from worker.sandbox import Sandbox, SandboxUnavailable, detect, inherited

Begin = Callable[..., Child]
fenced = pytest.mark.parametrize("sandbox", ["bubblewrap"], indirect=True)
"""Limits alone do not fence."""


def outcome(child: Child, folder: Path) -> str:
    """What the script printed."""
    heard(child)
    child.reap()
    return (folder / "log.txt").read_text()


def attempt(code: str) -> str:
    """A script that prints what became of `code`."""
    return f"try:\n    {code}\n    print('done')\nexcept Exception as error:\n    print(type(error).__name__)"


def test_it_writes_where_it_should(begin: Begin, folder: Path) -> None:
    assert outcome(begin(attempt("open('out/made', 'w').write('x')")), folder) == "done\n"
    assert (folder / "out" / "made").read_text() == "x"


@fenced
def test_it_has_no_network(begin: Begin, folder: Path) -> None:
    script = "import socket\n" + attempt("socket.create_connection(('127.0.0.1', 1), timeout=2)")
    script += "\nprint(sorted(os.listdir('/sys/class/net')) if os.path.exists('/sys/class/net') else [])"
    script += "\nprint([name for _, name in socket.if_nameindex()])"
    assert outcome(begin(script), folder).splitlines() == ["ConnectionRefusedError", "[]", "['lo']"]


@fenced
@pytest.mark.parametrize(
    "place", ["in/request.json", "other", "/usr/bin/made", "/etc/passwd", "/made", "/dev/made"]
)
def test_it_cannot_write_elsewhere(begin: Begin, folder: Path, place: str) -> None:
    assert outcome(begin(attempt(f"open({place!r}, 'w')")), folder).strip() in (
        "OSError",
        "PermissionError",
    )


@fenced
def test_its_temporary_folder_is_its_own(begin: Begin, folder: Path) -> None:
    script = attempt("open('/tmp/limbeck-sandbox-test', 'w')")
    assert outcome(begin(script), folder) == "done\n"
    assert not Path("/tmp/limbeck-sandbox-test").exists()


@fenced
def test_it_cannot_read_a_database_or_a_key_beside_its_folder(
    begin: Begin, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "limbeck.db").write_text("everything")
    script = attempt(f"open({str(tmp_path / 'limbeck.db')!r})")
    script += "\n" + attempt("open(os.path.expanduser('~root/.ssh'))")
    assert outcome(begin(script), folder) == "FileNotFoundError\nFileNotFoundError\n"


@fenced
def test_it_sees_no_other_process_and_no_environment_of_one(begin: Begin, folder: Path) -> None:
    script = "print([pid for pid in os.listdir('/proc') if pid.isdigit() and int(pid) > 2])"
    assert outcome(begin(script), folder) == "[]\n"


def test_its_environment_holds_nothing_of_the_workers(
    begin: Begin, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMBECK_DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    seen = outcome(begin("print(sorted(os.environ))"), folder)
    assert "LIMBECK_DATABASE_URL" not in seen
    assert "secret" not in seen.lower()
    assert "LIMBECK_EVENTS_FD" in seen


def test_it_gains_no_privileges(begin: Begin, folder: Path) -> None:
    status = outcome(begin("print(open('/proc/self/status').read())"), folder)
    assert "NoNewPrivs:\t1" in status


@fenced
def test_bubblewrap_leaves_it_no_capability(begin: Begin, folder: Path) -> None:
    assert "CapEff:\t0000000000000000" in outcome(begin("print(open('/proc/self/status').read())"), folder)


def test_a_json_module_in_its_folder_is_not_imported(begin: Begin, folder: Path) -> None:
    for place in (folder, folder / "in", folder / "out"):
        (place / "json.py").write_text("raise SystemExit('the folder was imported')")
    assert outcome(begin("print(json.loads('[1]'))"), folder) == "[1]\n"


def test_its_address_space_is_bounded(begin: Begin, folder: Path) -> None:
    script = attempt("bytearray(2**31)")
    assert outcome(begin(script, memory_bytes=2**30), folder) == "MemoryError\n"


@fenced
def test_a_gpu_is_in_sight_of_those_alone_that_own_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox
) -> None:
    monkeypatch.setattr(sandboxes, "_gpu_nodes", lambda: ["/dev/nvidia0"])
    words = {gpu: " ".join(sandbox.command(["true"], folder, supervisor=1, gpu=gpu)) for gpu in (False, True)}
    assert "--dev-bind-try /dev/nvidia0 /dev/nvidia0" in words[True]
    assert "nvidia" not in words[False]


def test_where_bubblewrap_does_not_work_it_is_limits_unless_insisted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    sandboxes._trial.cache_clear()
    try:
        assert detect("auto").kind == "limits"
        with pytest.raises(SandboxUnavailable, match="there is no program bwrap"):
            detect("bubblewrap")
    finally:
        sandboxes._trial.cache_clear()


def test_the_science_is_importable_in_every_sandbox(begin: Begin, folder: Path) -> None:
    assert outcome(begin("import distill.config.events; print('here')"), folder) == "here\n"


def test_paths_are_passed_on_only_where_the_operator_set_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/packages")
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    passed = inherited()
    assert passed["PYTHONPATH"] == "/packages"
    assert "LD_LIBRARY_PATH" not in passed
    assert set(passed) <= {"PATH", "LANG", "PYTHONSAFEPATH", "PYTHONPATH", "LD_LIBRARY_PATH"}
    assert os.environ["HOME"] not in passed.values()
    assert sys.executable
