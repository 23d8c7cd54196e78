"""Rows to test with, as short as they can be while they are true."""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from distill.config.document import parse_job
from distill.config.events import CheckpointWritten, Finished, Measured
from distill.config.networks import Dataset as Data
from distill.config.networks import Input, Network, Split
from ledger import aliases, catalog, lifecycle, queries
from ledger.aliases import Pointing, Wish
from ledger.database import Sessions, clock, insert_or_keep
from ledger.identifiers import new_id
from ledger.lifecycle import ChoreClaim, Claim, Flush, Hold, JobError
from ledger.states import ChoreStatus, InputStatus
from ledger.tables import Blob, Chore, Dataset, Event, File, Job, Model

CRASH = JobError("process_died", "infrastructure", "the process died", retryable=True)
KEY = "key_1"
"""Who asks, where it is nobody in particular."""
LABELS = [str(digit) for digit in range(10)]
IMAGE = Input(kind="image", shape=[1, 8, 8], dtype="uint8")


def sha256_of(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()


def kept_blob(session: Session, word: str) -> str:
    """A blob's row, as `blobs.keep` leaves it."""
    sha256 = sha256_of(word)
    insert_or_keep(session, Blob, {"sha256": sha256, "bytes": len(word), "touched_at": clock()})
    return sha256


def data(**changes: Any) -> Data:
    split = Split(
        file="train.safetensors", sha256=sha256_of("split"), examples=100, labeled=90, class_counts=[]
    )
    return Data(
        **{
            "task": "image-classification",
            "labels": LABELS,
            "input": IMAGE,
            "splits": {"train": split, "validation": split, "test": split},
            **changes,
        }
    )


def network(**changes: Any) -> Network:
    return Network(
        **{
            "task": "image-classification",
            "architecture": "cnn",
            "config": {},
            "labels": LABELS,
            "num_outputs": 10,
            "input": IMAGE,
            **changes,
        }
    )


def a_dataset(
    session: Session,
    project_id: str,
    *,
    name: str = "digits",
    version: int = 1,
    status: InputStatus = InputStatus.READY,
    **changes: Any,
) -> Dataset:
    dataset = Dataset(
        id=new_id("dst_"),
        project_id=project_id,
        name=name,
        version=version,
        status=status,
        declared={"name": name},
        data=data(**changes).model_dump(mode="json") if status == InputStatus.READY else None,
    )
    session.add(dataset)
    session.flush()
    return dataset


def a_model(
    session: Session,
    project_id: str,
    *,
    name: str = "teacher",
    version: int = 1,
    status: InputStatus = InputStatus.READY,
    **changes: Any,
) -> Model:
    model = Model(
        id=new_id("mdl_"),
        project_id=project_id,
        name=name,
        version=version,
        status=status,
        declared={"name": name},
        network=network(**changes).model_dump(mode="json") if status == InputStatus.READY else None,
    )
    session.add(model)
    session.flush()
    return model


def raw_document(**changes: Any) -> dict[str, Any]:
    return {
        "name": "digits-cnn",
        "task": "image-classification",
        "teacher": {"train": {"architecture": "cnn"}},
        "dataset": "digits",
        "student": {"architecture": "cnn"},
        **changes,
    }


def submitted(session: Session, project_id: str, **changes: Any) -> Job:
    """A job on the newest dataset `digits`, which must be there."""
    raw = raw_document(**changes)
    return lifecycle.submit(session, project_id=project_id, document=parse_job(raw), raw=raw).job


def claimed(session: Session, *, lease_s: float = 60.0, worker: str = "w1") -> Claim:
    claim = lifecycle.claim_next(session, lanes=["cpu", "gpu"], worker=worker, lease_s=lease_s)
    assert claim is not None
    return claim


def checkpoint(
    session: Session, *, step: int = 10, run: str = "student", figure: float | None = None
) -> Flush:
    """A flush that holds a checkpoint whose bytes are kept."""
    sha256 = kept_blob(session, f"checkpoint {step}")
    written = CheckpointWritten(
        path="out/checkpoint", sha256=sha256, bytes=3, phase="training", run=run, step=step, figure=figure
    )
    return Flush(checkpoint=written)


def measured(step: int, value: float, *, run: str = "student", name: str = "train.loss.total") -> Measured:
    return Measured(run=run, step=step, time=1.0, values={name: value})


def finished(**changes: Any) -> Finished:
    return Finished(
        **{
            "result": {"student": {"parameters": 12, "size_bytes": 48}},
            "conclusion": "no_gate",
            "artifacts": [],
            "student": None,
            "environment": {},
            **changes,
        }
    )


def story(session: Session, job_id: str) -> list[tuple[int, str, Any]]:
    """Number, type and status (or name) of every event."""
    return [
        (event.number, event.type, event.data.get("status") or event.data.get("code"))
        for event in session.query(Event).where(Event.job_id == job_id).order_by(Event.number)
    ]


def crash(sessions: Sessions, hold: Hold, *, counted: bool = True, delay_s: float = 10.0) -> Job:
    with sessions.writing() as session:
        return lifecycle.requeue(
            session, hold, exit_kind="signal", exit_code=-9, counted=counted, error=CRASH, delay_s=delay_s
        )


def registered(sessions: Sessions, file: File, **declared: Any) -> Model:
    with sessions.writing() as session:
        return catalog.register_model(
            session, project_id=file.project_id, declared={"name": "teacher", **declared}, file_id=file.id
        )


def taken(sessions: Sessions) -> ChoreClaim:
    with sessions.writing() as session:
        claim = lifecycle.claim_chore(session, worker="chores-1", lease_s=60)
    assert claim is not None
    return claim


def a_student(
    sessions: Sessions,
    project_id: str,
    *,
    alias: str | None = None,
    files: Mapping[str, str] = MappingProxyType({}),
    **ended: Any,
) -> Job:
    """A job that has succeeded, whose student, in these files, is the next version of `s`."""
    with sessions.writing() as session:
        submitted(session, project_id, output={"name": "s", "alias": alias})
        end = finished(student=network(files=dict(files)), **ended)
        return lifecycle.succeed(session, claimed(session).hold, finished=end, artifacts=[])


def a_failed_export(session: Session, model: Model) -> Chore:
    """A later export of the model whose process never answered."""
    problem = {"code": "export_crashed", "class": "internal", "message": "it broke off", "hint": None}
    chore = Chore(
        id=new_id("chr_"),
        project_id=model.project_id,
        kind="export",
        subject_id=model.id,
        request={"asked": {"export": {"format": "onnx"}}},
        status=ChoreStatus.FAILED,
        error=problem | {"details": {}},
        finished_at=1.0,
    )
    session.add(chore)
    session.flush()
    return chore


def pointed(
    sessions: Sessions, project_id: str, version: int | str, *, alias: str = "production", **wish: Any
) -> Pointing:
    """`s@production`, or another alias of `s`, points to this version now."""
    with sessions.writing() as session:
        return aliases.move(
            session, project_id=project_id, name="s", alias=alias, wish=Wish(version, by=KEY, **wish)
        )


def meant(sessions: Sessions, project_id: str, reference: str) -> int:
    """The version that this reference means now."""
    with sessions.reading() as session:
        return queries.find_model(session, project_id, reference).version
