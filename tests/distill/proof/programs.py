"""Small programs in the place of a runtime, and the split that they are shown."""

from pathlib import Path
from textwrap import indent

import numpy as np
from safetensors.numpy import save_file

from distill.config.job import Latency
from distill.proof.subjects import Setting, Subject

EXAMPLES, OUTPUTS = 10, 2
FAKE = """
import os, signal, sys, time
from pathlib import Path

class Fake:
    name = "fake 1"

    def __init__(self, request, tokens):
        Path(request["notes"]).joinpath(request["called"] + ".pid").write_text(str(os.getpid()))
        self.request = request
OPENING

    def answer(self, examples):
ANSWERING

    def prepare(self, examples):
        return examples

    def call(self, prepared):
CALLING

opened = Fake
"""


def setting(folder: Path, **target: int) -> Setting:
    """Ten examples of two features."""
    features = np.arange(EXAMPLES * OUTPUTS, dtype=np.float32).reshape(EXAMPLES, OUTPUTS)
    save_file({"features": features}, folder / "test.safetensors")
    return Setting(folder / "test.safetensors", Latency(**target), None)


def subject(
    folder: Path,
    name: str = "fake",
    *,
    opening: str = "pass",
    answering: str = "return examples + 1.5",
    calling: str = "pass",
    answers: bool = True,
) -> Subject:
    """A subject whose program is made of these statements."""
    program = folder / f"{name}.py"
    made = FAKE
    for place, statements in {"OPENING": opening, "ANSWERING": answering, "CALLING": calling}.items():
        made = made.replace(place, indent(statements, " " * 8))
    program.write_text(made)
    return Subject(name, str(program), {"notes": str(folder), "called": name}, answers=answers)


def is_alive(folder: Path, name: str = "fake") -> bool:
    """Whether the process of a subject still runs."""
    pid = (folder / f"{name}.pid").read_text()
    status = Path("/proc") / pid / "status"
    try:
        return "State:\tZ" not in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
