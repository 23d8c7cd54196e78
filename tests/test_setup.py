"""What `scripts/setup` says where something is missing: one sentence that names what to do."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of a fresh checkout as set-up reads."""
    folder = tmp_path / "checkout"
    for name in ("scripts", "locks"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "limbeck").mkdir()
    for name in ("pyproject.toml", "limbeck/pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.mark.parametrize(
    ("named", "package"), [("python3", "python3-venv"), ("python3.12", "python3.12-venv")]
)
def test_a_python_without_venv_is_told_with_the_package_that_brings_it(
    checkout: Path, named: str, package: str
) -> None:
    python = _python(checkout, named=named, unless="ensurepip")

    refused = _set_up(checkout, PYTHON=str(python))

    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert f"install the package {package} " in refused.stderr
    assert not (checkout / ".venv").exists()


def test_an_old_python_is_told_with_the_version_that_it_takes(checkout: Path) -> None:
    python = _python(checkout, named="python3.9", unless="version_info")

    refused = _set_up(checkout, PYTHON=str(python))

    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "needs Python 3.11 or later" in refused.stderr


def test_where_no_build_for_the_cpu_is_to_be_had_nothing_large_is_fetched_instead(checkout: Path) -> None:
    refused = _set_up(
        checkout,
        PYTHON=sys.executable,
        UV_FIND_LINKS=str(checkout / "nothing"),
        UV_OFFLINE="1",
        PIP_NO_INDEX="1",
    )

    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "UV_FIND_LINKS" in refused.stderr
    assert "TORCH_BACKEND=auto make setup" in refused.stderr
    assert not list(checkout.glob(".venv/lib/python3*/site-packages/torch"))
    assert not (checkout / ".venv" / "setup-server").exists(), "the next run would believe that all is there"


def _set_up(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "scripts" / "setup"],
        env={"PATH": os.environ["PATH"], "HOME": str(checkout), **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def _python(checkout: Path, *, named: str, unless: str) -> Path:
    """A Python that fails at every program with the word `unless`."""
    program = checkout / named
    program.write_text(f'#!/bin/sh\ncase "$2" in *{unless}*) exit 1 ;; esac\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)
    return program
