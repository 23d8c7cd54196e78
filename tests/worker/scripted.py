"""Jobs and chores whose process is a few lines of script that speak the protocol."""

import hashlib
import os
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from distill.config.document import parse_job
from distill.config.networks import Dataset, Input, Split
from ledger import blobs, lifecycle, tables
from ledger.database import Sessions
from ledger.files import Store
from ledger.identifiers import new_id
from ledger.settings import Settings
from ledger.states import InputStatus
from tests.faults.stand_in.distill.words import SPEAK
from worker.place import Place
from worker.sandbox import detect


@dataclass(frozen=True)
class Scripted(Place):
    """A slot whose children run `script` instead of the science."""

    script: str = ""

    def command(self, verb: str, folder: Path) -> list[str]:
        return [sys.executable, "-P", "-c", SPEAK + self.script, "distill", verb, str(folder)]


def quick(settings: Settings, **changes: Any) -> Settings:
    """The same settings with leases of seconds, so that a test can outlive one."""
    scaled = {
        "lease": timedelta(seconds=3),
        "renew_every": timedelta(seconds=0.5),
        "give_up_after": timedelta(seconds=2),
        "flush_every": timedelta(seconds=0.05),
        "stop_grace": timedelta(seconds=1),
        "sweep_every": timedelta(seconds=0.2),
        "retry_delay": timedelta(seconds=0),
    }
    return settings.model_copy(update={**scaled, **changes})


def scripted(
    sessions: Sessions,
    store: Store,
    settings: Settings,
    script: str,
    *,
    drain: int | None = None,
    **place: Any,
) -> Scripted:
    """A slot for scripted children, fenced as this machine allows."""
    if drain is None:
        drain, _ = os.pipe()
    defaults = {"worker": "tester", "lanes": ("cpu",), "device": None, "sandbox": detect("auto")}
    return Scripted(
        settings=settings, sessions=sessions, store=store, drain=drain, script=script, **{**defaults, **place}
    )


def keep(sessions: Sessions, store: Store, content: bytes, at: Path) -> str:
    """These bytes as a blob; their sha256."""
    sha256 = hashlib.sha256(content).hexdigest()
    at.write_bytes(content)
    blobs.keep(sessions, store, path=at, sha256=sha256, size=len(content))
    return sha256


def ready_dataset(sessions: Sessions, store: Store, project_id: str, tmp_path: Path) -> str:
    """The id of a dataset `digits` that was inspected; its files are three short texts."""
    splits = {}
    for name in ("train", "validation", "test"):
        content = f"the {name} split".encode()
        sha256 = keep(sessions, store, content, tmp_path / name)
        file = f"{name}.safetensors"
        splits[name] = Split(file=file, sha256=sha256, examples=20, labeled=20, class_counts=[10, 10])
    record = Dataset(
        task="image-classification",
        labels=["0", "1"],
        input=Input(kind="image", shape=[1, 8, 8], dtype="uint8"),
        splits=splits,
    )
    row = tables.Dataset(
        id=new_id("dst_"),
        project_id=project_id,
        name="digits",
        version=1,
        status=InputStatus.READY,
        declared={},
        data=record.model_dump(mode="json"),
    )
    with sessions.writing() as session:
        session.add(row)
        session.flush()
        blobs.refer(session, row.id, [split.sha256 for split in splits.values()])
    return row.id


def document(**changes: Any) -> dict[str, Any]:
    """A job on the dataset `digits` that trains its teacher itself."""
    return {
        "name": "scripted",
        "task": "image-classification",
        "teacher": {"train": {"architecture": "mlp", "config": {"depth": 2, "width": 8}}},
        "dataset": "digits",
        "student": {"architecture": "mlp", "config": {"depth": 2, "width": 4}},
        **changes,
    }


def submit(sessions: Sessions, project_id: str, **changes: Any) -> str:
    """The id of a new job."""
    raw = document(**changes)
    with sessions.writing() as session:
        return lifecycle.submit(session, project_id=project_id, document=parse_job(raw), raw=raw).job.id
