"""`limbeck demo`: one job from teacher to student, on real digits, through the REST API alone.

The service is one of its own, in a temporary home on a free port; nothing of it is left afterwards.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from limbeck import live, tables
from limbeck.children import tether
from limbeck.client import Client
from limbeck.errors import LimbeckError
from limbeck.objects import Job
from limbeck.server import python, require_server

_STOP_S = 20
_SHOWN = 8

DOCUMENT: dict[str, Any] = {
    "version": 1,
    "name": "digits-demo",
    "task": "image-classification",
    "teacher": {
        "train": {
            "architecture": "cnn",
            "config": {"depth": 4, "width": 32},
            "training": {
                "epochs": 12,
                "batch_size": 64,
                "optimizer": {"kind": "adamw", "learning_rate": 3e-3},
            },
        }
    },
    "dataset": "digits",
    "labels": {"count": 100, "seed": 0},
    "student": {"architecture": "cnn", "config": {"depth": 3, "width": 8}},
    "losses": [
        {"kind": "soft_target", "weight": 0.9, "temperature": 4.0},
        {"kind": "hard_target", "weight": 0.1},
    ],
    "training": {"epochs": 60, "batch_size": 64, "optimizer": {"kind": "adamw", "learning_rate": 5e-3}},
    "output": {"name": "digits-student"},
}

PREDICT = '''\
"""Load the student as its user would: plain PyTorch, in a process that has nothing of Limbeck.

    python -I predict.py STUDENT_FOLDER TEST.parquet HOW_MANY

Prints the first examples of the test split, and after them every one that the student gets wrong.
"""

import importlib.util
import io
import sys

import numpy
import pyarrow.parquet
import torch
from PIL import Image

folder, table, how_many = sys.argv[1], sys.argv[2], int(sys.argv[3])
spec = importlib.util.spec_from_file_location("load", f"{folder}/load.py")
load = importlib.util.module_from_spec(spec)
spec.loader.exec_module(load)

student = load.load(folder)
rows = [row for row in pyarrow.parquet.read_table(table).to_pylist() if row["label"] is not None]
pixels = numpy.stack([numpy.asarray(Image.open(io.BytesIO(row["image"]))) for row in rows])
predicted = load.predict(student, torch.from_numpy(pixels).unsqueeze(1)).argmax(1).tolist()
right = sum(row["label"] == answer for row, answer in zip(rows, predicted))

print("  row    truth  student")
for position, (row, answer) in enumerate(zip(rows, predicted)):
    wrong = row["label"] != answer
    if position < how_many or wrong:
        truth, guess = student.labels[row["label"]], student.labels[answer]
        print(f"{row['row']:>5}  {truth:>7}  {guess:>7}{'  <- wrong' if wrong else ''}")
print(f"{right} of {len(rows)} test digits are right: accuracy {right / len(rows):.3f}")
'''


class DemoFailed(LimbeckError):
    """The demo did not come to its end."""


def demo(console: Console) -> None:
    """Run the demo and print it to `console`.

    Raises: DemoFailed and the client's errors.
    """
    require_server()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="limbeck-demo-") as folder,
        _service(Path(folder) / "home", console) as client,
    ):
        _distill(client, Path(folder), console)
    console.print(
        f"\nDone in {time.monotonic() - began:.0f} s; the service is stopped and its folder removed."
    )


def _leave(number: int, frame: object) -> NoReturn:
    """Go as after Ctrl-C: in order, leaving nothing behind."""
    sys.exit(128 + number)


@contextmanager
def _service(home: Path, console: Console) -> Iterator[Client]:
    """A client of a service that lives as long as the block."""
    console.print("A service of its own", style="bold")
    began = time.monotonic()
    process = subprocess.Popen(  # noqa: S603 - ourselves
        python("-m", "limbeck", "up", "--home", str(home), "--port", "0", "-o", "json"),
        # The digits are small: a second thread would only wait for the first.
        env={"LIMBECK_THREADS": "1", **os.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Ctrl-C reaches the demo alone, which then stops the service in order.
        start_new_session=True,
        preexec_fn=tether(),
    )
    try:
        assert process.stdout is not None
        greeting = process.stdout.readline()
        if not greeting:
            raise DemoFailed(f"the service did not start:\n{process.communicate()[1]}")
        service = json.loads(greeting)
        console.print(f"ready at {service['url']} after {time.monotonic() - began:.1f} s", markup=False)
        with Client(service["url"], service["key"]) as client:
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _distill(client: Client, folder: Path, console: Console) -> None:
    console.print("\nReal data", style="bold")
    dataset = client.datasets.create(name="digits", builtin="digits", task="image-classification")
    dataset = client.datasets.wait(dataset["id"], timeout=60)
    if dataset["status"] != "ready":
        raise DemoFailed(f"the digits were rejected: {dataset.get('problem')}")
    splits = {name: split["examples"] for name, split in (dataset["splits"] or {}).items()}
    console.print("handwritten digits:", ", ".join(f"{count} {name}" for name, count in splits.items()))

    console.print("\nA job", style="bold")
    labels = DOCUMENT["labels"]["count"]
    console.print(
        f"The teacher learns from every label. The student has {labels} labels and the teacher's word for\n"
        f"the rest; the control has the same {labels} labels and no teacher."
    )
    job = client.jobs.submit(DOCUMENT)
    job = live.follow(client.jobs.watch(job["id"]), console)
    if job["status"] != "succeeded":
        raise DemoFailed(f"the job ended {job['status']}: {(job.get('error') or {}).get('message')}")
    console.print(tables.results(job["result"] or {}))

    console.print("\nThe student, at home", style="bold")
    _take_home(client, job, dataset["id"], folder, console)


def _take_home(client: Client, job: Job, dataset_id: str, folder: Path, console: Console) -> None:
    """Download the student, and let a process without Limbeck use it on the test split."""
    for artifact in client.jobs.pull(job["id"], folder / "student", kinds=frozenset({"student"})):
        console.print(
            f"{artifact['filename']}  {artifact['bytes']:,} bytes  sha256 {artifact['sha256']} checked"
        )
    client.datasets.download_split(dataset_id, "test", folder / "test.parquet")
    program = folder / "predict.py"
    program.write_text(PREDICT)
    answer = subprocess.run(  # noqa: S603 - the program above
        [
            sys.executable,
            "-I",
            str(program),
            str(folder / "student"),
            str(folder / "test.parquet"),
            str(_SHOWN),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise DemoFailed(f"the student could not be used in a process of its own:\n{answer.stderr}")
    console.print(answer.stdout.rstrip(), markup=False)
