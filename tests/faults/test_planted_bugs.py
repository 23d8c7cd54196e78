"""The proof is worth as much as the bugs that it finds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.planted import BUGS, Bug, planted


@pytest.mark.faults
@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_planted_bug_is_found(bug: Bug, tmp_path: Path) -> None:
    tree = planted(bug, tmp_path / "tree")
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", ""]
    ran = subprocess.run(
        [*command, f"tests/faults/{bug.found_by}"],
        cwd=tree,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1, f"not found:\n{ran.stdout}\n{ran.stderr}"
    assert bug.says in ran.stdout, ran.stdout
