"""Run the written student outside, and compare."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

PROGRAM = Path(__file__).with_name("separately.py")
LOOK_EVERY_S = 0.1
DEADLINE_S = 1800


class RefusedToRun(Exception):
    """The student's own loader failed; the message is the last line that it said."""


def outputs_outside(student: Path, split: Path, *, like: Tensor, heed: Callable[[], None]) -> Tensor:
    """What `student/load.py` answers on the rows of `split` in a plain Python process, float32
    (N, outputs), of the shape of `like`.

    `heed` is called while waiting; what it raises ends the process.

    Raises:
        RefusedToRun: the process failed, or gave another number of answers.
    """
    with tempfile.TemporaryDirectory(dir=student.parent) as scratch:
        answer, log = Path(scratch) / "outputs", Path(scratch) / "log"
        with log.open("wb") as said:
            process = subprocess.Popen(  # noqa: S603 - our own program, on files that we wrote
                [sys.executable, "-I", str(PROGRAM), str(student), str(split), str(answer)],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=scratch,
            )
        try:
            _wait(process, heed)
        finally:
            process.kill()
            process.wait()
        if process.returncode != 0:
            lines = log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
            raise RefusedToRun(lines[-1])
        outputs = torch.frombuffer(bytearray(answer.read_bytes()), dtype=torch.float32)
        if len(outputs) != like.numel():
            raise RefusedToRun(f"it gave {len(outputs)} numbers where {like.numel()} were measured")
        return outputs.view_as(like)


def _wait(process: "subprocess.Popen[bytes]", heed: Callable[[], None]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while process.poll() is None:
        heed()
        if time.monotonic() > deadline:
            raise RefusedToRun(f"it did not finish within {DEADLINE_S} s")
        try:
            process.wait(LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            continue
