"""The floors of the house, seen at run time: what a process loads when it starts.

The import contracts in pyproject.toml see the source; this sees what it comes to.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCIENCE = {"torch", "transformers", "sklearn", "scipy", "tokenizers"}
SERVICE = {"fastapi", "starlette", "uvicorn", "celery", "kombu", "redis", "sqlalchemy", "alembic"}
OURS = {"api", "worker", "ledger", "distill", "migrations"}


@pytest.mark.parametrize(
    ("started", "never_loaded"),
    [
        ("api.app", SCIENCE | {"worker", "limbeck"}),
        ("worker.app", SCIENCE | {"api", "fastapi", "limbeck"}),
        ("worker.sweep", SCIENCE | {"api", "fastapi", "limbeck"}),
        ("ledger.bootstrap", SCIENCE | {"api", "worker", "fastapi", "celery", "limbeck"}),
        ("migrations.__main__", SCIENCE | {"api", "worker", "fastapi", "celery", "limbeck"}),
        ("limbeck.cli", SCIENCE | SERVICE | OURS),
        ("limbeck", SCIENCE | SERVICE | OURS | {"typer"}),
        ("distill.__main__", SERVICE | {"api", "worker", "ledger", "migrations", "limbeck"}),
    ],
)
def test_a_process_loads_nothing_of_another_floor(started: str, never_loaded: set[str]) -> None:
    assert _loaded_by(started) & never_loaded == set()


def test_no_file_is_longer_than_one_can_read_at_once() -> None:
    folders = [*OURS, "limbeck", "benchmarks", "scripts", "tests"]
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    lines = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in files}
    assert lines
    assert {
        str(path): count
        for path, count in lines.items()
        if count > 300 and path.parts[:2] != ("migrations", "versions")
    } == {}


@pytest.mark.parametrize("name", ["utils", "util", "core", "common", "helpers", "base", "misc"])
def test_no_module_has_a_name_that_says_nothing(name: str) -> None:
    found = [path for package in [*OURS, "limbeck"] for path in (ROOT / package).rglob(name + "*")]
    assert [path for path in found if path.stem == name and "__pycache__" not in path.parts] == []


def _loaded_by(module: str) -> set[str]:
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    said = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in json.loads(said.stdout.splitlines()[-1])}
