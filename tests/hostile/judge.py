"""A process of its own that inspects files for the tests, each in a child with little memory.

Started once, since torch takes seconds to import; forks for every file. One JSON line in
(`folder`, `request`), one out: `outcome`, the last event or the error, and the child's peak memory.
"""

import json
import os
import resource
import sys
from pathlib import Path

from pydantic import TypeAdapter

from distill import models
from distill.config.events import Event
from distill.config.folder import InspectDataset, InspectModel
from distill.config.networks import Input
from distill.inspect.dataset import inspect_dataset
from distill.inspect.model import inspect_model
from distill.rejection import Rejected

MEMORY = 1 << 30
REQUEST: TypeAdapter[InspectModel | InspectDataset] = TypeAdapter(InspectModel | InspectDataset)


class Verdict:
    """Writes the last event where the parent reads it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def send(self, event: Event) -> None:
        self.path.write_text(json.dumps({"outcome": "accepted", **event.model_dump(mode="json")}))


def inspect(folder: Path, raw: dict[str, object]) -> None:
    request = REQUEST.validate_python(raw)
    verdict = Verdict(folder / "verdict.json")
    try:
        if isinstance(request, InspectModel):
            inspect_model(request, folder, verdict)
        else:
            inspect_dataset(request, folder, verdict)
    except Rejected as rejected:
        verdict.path.write_text(
            json.dumps({"outcome": "rejected", **rejected.event().model_dump(mode="json")})
        )


def in_child(folder: Path, raw: dict[str, object]) -> dict[str, object]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    child = os.fork()
    if child == 0:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        try:
            inspect(folder, raw)
            os._exit(0)
        except BaseException as error:  # the parent must hear of it, whatever it is
            (folder / "verdict.json").write_text(json.dumps({"outcome": "crashed", "message": repr(error)}))
            os._exit(1)
    _, status, usage = os.wait4(child, 0)
    if os.WIFSIGNALED(status):
        return {"outcome": "killed", "signal": os.WTERMSIG(status)}
    answer = json.loads((folder / "verdict.json").read_text())
    return {**answer, "more_memory": max(0, usage.ru_maxrss - before) * 1024}


def warm_up() -> None:
    """Import what torch and transformers import at first use, once for all children."""
    text = Input(kind="text", shape=[4], dtype="int64")
    shape = {"model_type": "bert", "num_hidden_layers": 1, "hidden_size": 8, "vocab_size": 9}
    models.layers(models.build_on_meta("huggingface", shape, input=text, num_outputs=2), text)
    picture = Input(kind="image", shape=[1, 8, 8], dtype="float32")
    models.layers(models.build_on_meta("cnn", {}, input=picture, num_outputs=2), picture)


if __name__ == "__main__":
    warm_up()
    for line in sys.stdin:
        asked = json.loads(line)
        sys.stdout.write(json.dumps(in_child(Path(asked["folder"]), asked["request"])) + "\n")
        sys.stdout.flush()
