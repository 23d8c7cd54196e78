"""`manifest.json`: what a job made, of what, by what, and whether it may leave.

It is canonical JSON (keys sorted, no spaces, UTF-8), so that the same facts are the same bytes; the
signature is of these bytes.
"""

import functools
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import distill
from distill.config.events import Finished
from ledger.database import now
from ledger.inputs import inputs_of
from ledger.lifecycle.endings import KeptArtifact
from ledger.signing import ALGORITHM
from ledger.tables import Artifact, Dataset, File, Job, Model

MANIFEST, SIGNATURE = "manifest.json", "manifest.json.sig"
VERSION = 1


def manifest(
    session: Session, job_id: str, *, finished: Finished, artifacts: Sequence[KeptArtifact], key_id: str
) -> bytes:
    """The manifest of a job that is about to succeed, `artifacts` being what this attempt leaves.

    What earlier attempts left, their logs and promoted checkpoints, is listed too.
    """
    job = session.get_one(Job, job_id)
    inputs = inputs_of(session, job)
    entries = {entry["filename"]: entry for entry in [*_earlier(session, job), *map(_entry, artifacts)]}
    return canonical(
        {
            "object": "manifest",
            "version": VERSION,
            "job": {
                "id": job.id,
                "name": job.name,
                "attempt": job.attempt,
                "created_at": _moment(job.created_at),
                "started_at": _moment(job.started_at),
            },
            "signed_at": _moment(now(session)),
            "signature": {"algorithm": ALGORITHM, "key_id": key_id, "file": SIGNATURE},
            "conclusion": finished.conclusion,
            "gates": finished.result.get("gates", []),
            "exports": {
                form: export.get("status") for form, export in finished.result.get("exports", {}).items()
            },
            "spec": job.resolved_spec,
            "inputs": {
                "dataset": _dataset(session, inputs.dataset),
                "models": [
                    {"role": part, "position": position, **_model(session, model)}
                    for part, position, model in inputs.parts()
                ],
            },
            "code": {"limbeck-server": version("limbeck-server"), "science_sha256": science_sha256()},
            "environment": finished.environment,
            "artifacts": [entries[filename] for filename in sorted(entries)],
        }
    )


def canonical(content: Any) -> bytes:
    """The one spelling of this JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def dataset_sha256(data: dict[str, Any]) -> str | None:
    """One sha256 for the splits of a dataset: of theirs, in the order of their names."""
    splits = data.get("splits")
    if not splits:
        return None
    return hashlib.sha256("".join(splits[name]["sha256"] for name in sorted(splits)).encode()).hexdigest()


@functools.cache
def science_sha256() -> str:
    """Of the source that trains and measures: a version alone does not tell one checkout from another.

    Of each file of `distill`, in the order of their names, the name and the sha256.
    """
    (root,) = map(Path, distill.__path__)
    found = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        found.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return found.hexdigest()


def _entry(kept: KeptArtifact | Artifact) -> dict[str, Any]:
    return {
        name: getattr(kept, name) for name in ("filename", "kind", "format", "media_type", "bytes", "sha256")
    }


def _earlier(session: Session, job: Job) -> list[dict[str, Any]]:
    left = select(Artifact).where(Artifact.job_id == job.id).order_by(Artifact.id)
    return [_entry(artifact) for artifact in session.scalars(left)]


def _dataset(session: Session, dataset: Dataset) -> dict[str, Any]:
    data = dataset.data or {}
    return {
        **_named(session, dataset),
        "builtin": dataset.declared.get("builtin"),
        "sha256": dataset_sha256(data),
        "splits": {
            name: {"sha256": split["sha256"], "examples": split["examples"]}
            for name, split in data.get("splits", {}).items()
        },
    }


def _model(session: Session, model: Model) -> dict[str, Any]:
    """`files` are those that the job was given: the weights, and for text the tokenizer."""
    network = model.network or {}
    return {
        **_named(session, model),
        "job_id": model.job_id,
        "architecture": network.get("architecture"),
        "files": network.get("files", {}),
    }


def _named(session: Session, row: Dataset | Model) -> dict[str, Any]:
    file = session.get(File, row.file_id) if row.file_id is not None else None
    return {
        "id": row.id,
        "name": row.name,
        "version": row.version,
        "license": row.declared.get("license"),
        "upload": {"filename": file.filename, "sha256": file.sha256} if file is not None else None,
    }


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
