"""`python -m ledger.bootstrap [--key-file FILE]`: the default project and the first key, once."""

import argparse
import os
import sys
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.orm import Session

from ledger.database import Sessions, connect, insert_or_keep
from ledger.identifiers import new_id
from ledger.keys import create_key
from ledger.tables import Project

DEFAULT_PROJECT = "default"


class _Environment(BaseSettings):
    """All that this needs of `ledger.settings.Settings`."""

    model_config = SettingsConfigDict(env_prefix="LIMBECK_")

    database_url: str
    bootstrap_key_file: Path | None = None


def bootstrap(sessions: Sessions, key_file: Path | None) -> str | None:
    """Make the default project and its first key, where there is none; returns the key's text.

    The key is in `key_file` (mode 600) before it is valid, so that it cannot get lost; of two who
    start at once, the unique name of the project lets one through.
    """
    with sessions.writing() as session:
        project_id = _new_project(session)
        if project_id is None:
            return None
        _, text = create_key(session, project_id=project_id, name="first")
        if key_file is not None:
            _write_privately(key_file, text)
    return text


def _new_project(session: Session) -> str | None:
    project_id = new_id("prj_")
    made = insert_or_keep(session, Project, {"id": project_id, "name": DEFAULT_PROJECT})
    return project_id if made else None


def _write_privately(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def main() -> None:
    """The command. Without a file, the key goes to standard output, this once."""
    environment = _Environment()
    parser = argparse.ArgumentParser(prog="python -m ledger.bootstrap", description=__doc__)
    parser.add_argument("--key-file", type=Path, default=environment.bootstrap_key_file)
    key_file = parser.parse_args().key_file
    sessions = connect(environment.database_url)
    try:
        text = bootstrap(sessions, key_file)
    finally:
        sessions.dispose()
    if text is not None and key_file is None:
        sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
