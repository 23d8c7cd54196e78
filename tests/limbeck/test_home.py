import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from limbeck import home as home_module
from limbeck.errors import LimbeckError
from limbeck.home import Home

HOLD = """
import sys, time
from pathlib import Path
from limbeck.home import Home
Home.at(Path(sys.argv[1])).lock()
print("held", flush=True)
sys.stdin.read()
"""


def hold(path: Path) -> subprocess.Popen[str]:
    """Another process that holds the home at `path` until its input ends."""
    holder = subprocess.Popen(
        [sys.executable, "-P", "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_home_is_for_its_owner_alone(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "deep" / "home")

    assert home.path.stat().st_mode & 0o777 == 0o700
    assert home.database_url == f"sqlite:///{tmp_path}/deep/home/limbeck.db"


def test_a_second_service_is_told_who_holds_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_module, "_LEFTOVERS_S", 0.2)
    with hold(tmp_path) as holder, pytest.raises(LimbeckError, match=rf"held by .* \(process {holder.pid}\)"):
        Home.at(tmp_path).lock()


def test_a_home_whose_holder_was_killed_is_free(tmp_path: Path) -> None:
    with hold(tmp_path) as holder:
        holder.kill()
        os.close(Home.at(tmp_path).lock())


def test_a_home_stays_locked_while_any_process_of_it_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home_module, "_LEFTOVERS_S", 0.2)
    home = Home.at(tmp_path)
    lock = home.lock()
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, pass_fds=[lock]
    ) as child:
        os.close(lock)
        with pytest.raises(LimbeckError, match="is held by"):
            home.lock()
        child.kill()
    os.close(home.lock())


def test_a_home_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(LimbeckError, match=r"cannot keep a service in .*file: .* Choose another --home"):
        Home.at(tmp_path / "file")


def test_the_broker_listens_in_the_home(tmp_path: Path) -> None:
    assert Home(Path("/srv/limbeck")).socket() == Path("/srv/limbeck/broker.sock")


def test_a_home_with_a_long_path_has_its_socket_in_a_short_private_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home_module.tempfile, "tempdir", str(tmp_path))
    home = Home(Path("/srv") / ("a" * 120))

    socket = home.socket()

    assert socket.parent.parent == tmp_path
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    assert home.socket() == socket
    assert Home(Path("/srv") / ("b" * 120)).socket() != socket


def test_a_socket_folder_that_others_can_enter_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home_module.tempfile, "tempdir", str(tmp_path))
    home = Home(Path("/srv") / ("a" * 120))
    home.socket().parent.chmod(0o755)

    with pytest.raises(LimbeckError, match="belongs to somebody else"):
        home.socket()


def test_the_notice_says_where_the_service_is_and_goes_with_it(tmp_path: Path) -> None:
    home = Home.at(tmp_path)

    home.announce("http://127.0.0.1:1")
    assert json.loads(home.notice.read_text()) == {
        "url": "http://127.0.0.1:1",
        "pid": os.getpid(),
        "key_file": f"{tmp_path}/admin.key",
    }

    home.fall_silent()
    assert not home.notice.exists()
