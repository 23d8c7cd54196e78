"""API keys, and the first of them."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import select, update

from ledger.bootstrap import bootstrap
from ledger.database import Sessions, clock
from ledger.errors import KeyInvalid, ScopeMissing
from ledger.keys import Caller, authenticate, create_key
from ledger.tables import ApiKey, Project


def issued(sessions: Sessions, project_id: str, **more: object) -> str:
    with sessions.writing() as session:
        return create_key(session, project_id=project_id, name="ci", **more)[1]  # type: ignore[arg-type]


def caller(sessions: Sessions, text: str) -> Caller:
    with sessions.reading() as session:
        return authenticate(session, text)


def test_a_key_opens_its_project_with_its_scopes(sessions: Sessions, project_id: str) -> None:
    found = caller(sessions, issued(sessions, project_id, scopes=["read"]))
    assert (found.project_id, found.scopes) == (project_id, frozenset({"read"}))


def test_the_secret_is_not_stored(sessions: Sessions, project_id: str) -> None:
    text = issued(sessions, project_id)
    _, prefix, secret = text.split("_")
    assert (len(prefix), len(secret)) == (8, 43)
    with sessions.reading() as session:
        key = session.scalars(select(ApiKey)).one()
    assert key.prefix == prefix
    assert secret not in str(vars(key))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text + "x",
        lambda text: text[:-1] + ("a" if text[-1] != "a" else "b"),
        lambda text: text.replace("lmb_", "lmx_"),
        lambda text: "lmb_" + "0" * 8 + text[12:],
        lambda text: text.upper(),
        lambda text: text + "\n",
    ],
)
def test_anything_but_the_key_itself_is_refused(sessions: Sessions, project_id: str, spoil) -> None:  # type: ignore[no-untyped-def]
    text = issued(sessions, project_id)
    with pytest.raises(KeyInvalid):
        caller(sessions, spoil(text))


@pytest.mark.parametrize("field", ["expires_at", "revoked_at"])
def test_an_expired_or_revoked_key_is_refused(sessions: Sessions, project_id: str, field: str) -> None:
    text = issued(sessions, project_id)
    with sessions.writing() as session:
        session.execute(update(ApiKey).values({field: clock() - 1}))
    with pytest.raises(KeyInvalid):
        caller(sessions, text)


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [(["read"], {"read"}), (["write"], {"read", "write"}), (["admin"], {"read", "write", "admin"})],
)
def test_wider_scopes_include_narrower_ones(scopes: list[str], allowed: set[str]) -> None:
    someone = Caller("prj_1", "key_1", frozenset(scopes))
    for scope in ("read", "write", "admin"):
        if scope in allowed:
            someone.require(scope)
        else:
            with pytest.raises(ScopeMissing):
                someone.require(scope)


def test_bootstrap_makes_the_default_project_and_a_key_of_all_scopes_once(
    sessions: Sessions, tmp_path: Path
) -> None:
    path = tmp_path / "home" / "admin.key"
    text = bootstrap(sessions, path)
    assert text is not None
    assert path.read_text() == text + "\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert caller(sessions, text).scopes == {"read", "write", "admin"}
    assert bootstrap(sessions, path) is None
    assert path.read_text() == text + "\n"


def test_of_two_who_bootstrap_at_once_one_makes_the_key(sessions: Sessions, tmp_path: Path) -> None:
    made: list[str | None] = []
    start = threading.Barrier(4)

    def run() -> None:
        start.wait()
        made.append(bootstrap(sessions, tmp_path / "admin.key"))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (text,) = [text for text in made if text is not None]
    assert (tmp_path / "admin.key").read_text() == text + "\n"
    assert caller(sessions, text)


def test_a_bootstrap_that_cannot_write_its_file_can_be_tried_again(
    sessions: Sessions, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="taken"):
        bootstrap(sessions, tmp_path / "taken" / "admin.key")
    assert bootstrap(sessions, tmp_path / "admin.key") is not None


def test_the_command_prints_the_key_this_once(sessions: Sessions, database_url: str) -> None:
    def run() -> str:
        return subprocess.run(
            [sys.executable, "-m", "ledger.bootstrap"],
            env={**os.environ, "LIMBECK_DATABASE_URL": database_url},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout

    assert caller(sessions, run().strip())
    assert run() == ""
    with sessions.reading() as session:
        assert session.scalars(select(Project.name)).all() == ["default"]
