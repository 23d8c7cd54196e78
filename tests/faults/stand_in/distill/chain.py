"""A training without tensors: it speaks the whole protocol and writes real checkpoints.

Its weights are a chain of hashes, so that one step lost, doubled or taken from a wrong state is seen
in the last byte; `course` tells beforehand what an unbroken one comes to.
"""

import errno
import hashlib
import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

WEIGHTS_BYTES = 2**16
RUN, METRIC = "student", "train.loss.total"
_STOPPED, _DISK_FULL = 11, 13


def course(job_id: str, steps: int) -> tuple[bytes, dict[int, float]]:
    """The weights, and the figure of each step, of an unbroken run; no two jobs have the same."""
    state, figures = job_id.encode(), {}
    for step in range(1, steps + 1):
        state = _next(state, step)
        figures[step] = _figure(state)
    return weights(state), figures


def weights(state: bytes) -> bytes:
    """The student: many bytes that all come of `state`."""
    return random.Random(state).randbytes(WEIGHTS_BYTES)


def train(*, steps: int, every: int = 5, pace_s: float = 0.02, dies: int = 0) -> None:
    """Run to the end, or until asked to stop; the first `dies` attempts are killed on the way."""
    try:
        _train(steps, every, pace_s, dies)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            sys.exit(_DISK_FULL)
        raise


def _train(steps: int, every: int, pace_s: float, dies: int) -> None:
    job_id, number, _ = Path(sys.argv[-1]).name.rsplit("-", 2)
    attempt = int(number)
    wishes = _Wishes()
    _say(type="phase", name="training", status="running")
    step, state, figures = _resumed(job_id)
    while step < steps:
        step += 1
        state = _next(state, step)
        figures[step] = _figure(state)
        os.write(1, f"attempt {attempt} step {step}\n".encode())
        _say(type="metric", run=RUN, step=step, time=time.time(), values={METRIC: figures[step]})
        _progress(step, steps)
        if step % every == 0 or wishes.stop is not None:
            _checkpoint(step, state, figures)
        if attempt <= dies and step > every:
            os.kill(os.getpid(), signal.SIGKILL)
        if wishes.stop is not None:
            _say(type="stopped", wish=wishes.stop)
            sys.exit(_STOPPED)
        time.sleep(pace_s)
    _say(type="phase", name="training", status="done")
    rows = "".join(f"{number},{figure!r}\n" for number, figure in figures.items())
    artifacts = [
        _artifact("student", "safetensors", "student.safetensors", weights(state)),
        _artifact("metrics", "csv", "metrics.csv", rows.encode()),
    ]
    _say(
        type="finished",
        result={"steps": steps, "state": state.hex(), "attempt": attempt},
        conclusion="no_gate",
        student=None,
        environment={},
        artifacts=artifacts,
    )


def inspect() -> None:
    """Whatever was uploaded is a dataset of three splits that no other upload has."""
    upload = Path("in/upload").read_bytes()
    splits, tables = {}, {}
    for split in ("train", "validation", "test"):
        content = weights(upload[:64] + split.encode())
        counted = {"examples": 20, "labeled": 20, "class_counts": [10, 10]}
        file = _written(f"out/{split}.safetensors", content)
        splits[split] = {"file": f"{split}.safetensors", "sha256": file["sha256"], **counted}
        tables[split] = _written(f"out/{split}.parquet", content[::-1])
        tables[split]["bytes"] = str(tables[split]["bytes"])
    dataset = {
        "task": "image-classification",
        "labels": ["0", "1"],
        "input": {"kind": "image", "shape": [1, 8, 8], "dtype": "uint8"},
        "splits": splits,
    }
    _say(type="dataset-inspected", dataset=dataset, tables=tables, report={}, preview=[])


class _Wishes:
    """What the supervisor asks on standard input; where that ends, so do we."""

    def __init__(self) -> None:
        self.stop: str | None = None
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            self.stop = line.strip()
        os._exit(1)


def _next(state: bytes, step: int) -> bytes:
    return hashlib.sha256(state + step.to_bytes(8)).digest()


def _figure(state: bytes) -> float:
    return int.from_bytes(state[:4]) / 2**32


def _resumed(job_id: str) -> tuple[int, bytes, dict[int, float]]:
    if not json.loads(Path("in/request.json").read_text())["resume"]:
        return 0, job_id.encode(), {}
    kept = json.loads(Path("in/checkpoint").read_text())
    figures = {int(step): figure for step, figure in kept["figures"].items()}
    return kept["step"], bytes.fromhex(kept["state"]), figures


def _checkpoint(step: int, state: bytes, figures: dict[int, float]) -> None:
    content = json.dumps({"step": step, "state": state.hex(), "figures": figures}).encode()
    _say(
        type="checkpoint", phase="training", run=RUN, step=step, **_written(f"out/checkpoint-{step}", content)
    )


def _artifact(kind: str, format: str, name: str, content: bytes) -> dict[str, Any]:
    said = {"kind": kind, "format": format, "filename": name, "media_type": "application/octet-stream"}
    return {**said, **_written(f"out/{name}", content)}


def _written(path: str, content: bytes) -> dict[str, Any]:
    aside = Path(f"{path}.aside")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    return {"path": path, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def _progress(step: int, steps: int) -> None:
    _say(
        type="progress",
        fraction=step / steps,
        step=step,
        total_steps=steps,
        epoch=0,
        examples_per_s=None,
        eta_s=None,
    )


def _say(**event: Any) -> None:
    os.write(int(os.environ["LIMBECK_EVENTS_FD"]), (json.dumps(event) + "\n").encode())
