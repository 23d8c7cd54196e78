"""`python -m ledger.bootstrap [--key-file FILE]`: the default project and the first key, once; and at
every start the key that signs, where it is missing, with its public part among those that are listed."""

import argparse
import os
import sys
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.orm import Session

from ledger.database import Sessions, connect, insert_or_keep
from ledger.errors import SigningKeyUnusable
from ledger.identifiers import new_id
from ledger.keys import create_key
from ledger.signing import ensure_key, list_key, replace_key
from ledger.tables import Project

DEFAULT_PROJECT = "default"


class _Environment(BaseSettings):
    """All that this needs of `ledger.settings.Settings`."""

    model_config = SettingsConfigDict(env_prefix="LIMBECK_")

    database_url: str
    bootstrap_key_file: Path | None = None
    signing_key: Path | None = None


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


def show_signing_key(sessions: Sessions, path: Path, *, anew: bool = False) -> None:
    """List the public part of the key at `path`, which is made where there is none, or `anew`.

    Raises:
        SigningKeyUnusable: there is no such file and none can be made, or it holds no such key.
    """
    signer = replace_key(path) if anew else ensure_key(path)
    with sessions.writing() as session:
        list_key(session, signer)


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
    parser.add_argument(
        "--new-signing-key", action="store_true", help="replace the key of LIMBECK_SIGNING_KEY by a new one"
    )
    asked = parser.parse_args()
    key_file = asked.key_file
    if asked.new_signing_key and environment.signing_key is None:
        parser.error("LIMBECK_SIGNING_KEY is not set: there is no key to replace")
    sessions = connect(environment.database_url)
    try:
        if environment.signing_key is not None:
            show_signing_key(sessions, environment.signing_key, anew=asked.new_signing_key)
        text = bootstrap(sessions, key_file)
    except SigningKeyUnusable as error:
        sys.exit(f"{parser.prog}: {error}")
    finally:
        sessions.dispose()
    if text is not None and key_file is None:
        sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
