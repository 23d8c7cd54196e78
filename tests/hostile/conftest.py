"""The judge, and a canary that sings if code from a file ever runs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
Judge = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def judge_process() -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-P", "-W", "ignore", "-m", "tests.hostile.judge"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd="/",
    )
    yield process
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdout.close()
    process.wait(timeout=10)


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that hostile code would make."""
    return tmp_path / "canary"


@pytest.fixture
def judge(judge_process: subprocess.Popen[str], tmp_path: Path, canary: Path) -> Judge:
    """Inspect an upload; the verdict, once it is sure that no code ran."""
    number = iter(range(10_000))

    def inspect(write: Callable[[Path], Any], **request: Any) -> dict[str, Any]:
        folder = tmp_path / f"folder{next(number)}"
        (folder / "in").mkdir(parents=True)
        (folder / "out").mkdir()
        write(folder / "in" / "upload")
        assert judge_process.stdin is not None
        assert judge_process.stdout is not None
        judge_process.stdin.write(json.dumps({"folder": str(folder), "request": request}) + "\n")
        judge_process.stdin.flush()
        answer = json.loads(judge_process.stdout.readline())
        assert not canary.exists(), "code from the file ran"
        return answer

    return inspect
