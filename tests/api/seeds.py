"""A project with something of everything in it, made by the verbs that make it in life."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from distill.config.document import parse_job
from distill.config.events import PhaseChanged, Planned, Warned
from distill.config.job import Stage
from distill.config.losses import Hint, LayerPair
from distill.config.training import Training
from ledger import aliases, blobs, lifecycle
from ledger.database import Sessions
from ledger.files import Store
from ledger.lifecycle import Begun, Flush, KeptArtifact
from ledger.resolve import resolve
from ledger.signing import Signer, list_key
from ledger.tables import Artifact, Job
from ledger.uploads import add_file
from tests.ledger import builders

CONTENT = bytes(number % 251 for number in range(1000))
LOG = "epoch 1: loss 0.5\nepoch 2: loss 0.25\n"
FIGURES = {
    "accuracy": 0.9,
    "balanced_accuracy": 0.9,
    "macro_f1": 0.9,
    "loss": 0.3,
    "ece": 0.02,
    "parameters": 1234,
    "size_bytes": 4936,
    "macs": 10_000,
    "labels_used": 100,
    "latency_ms": {"p50": 0.1, "p95": 0.2},
}
RESULT = {
    "teacher": FIGURES,
    "student": FIGURES,
    "control": FIGURES,
    "majority_baseline": 0.1,
    "agreement": 0.95,
    "kl_divergence": 0.01,
    "retention": {"value": 1.0, "low": 0.98, "high": 1.02},
    "gain": {"value": 0.02, "low": 0.01, "high": 0.03},
    "gap_closed": {"value": None, "low": None, "high": None, "reason": "the gap is noise"},
    "distillation": "helped",
    "intervals_note": "of this run alone",
    "compression": {"parameters": 10.0, "size": 10.0, "speedup": 3.0},
    "warnings": [{"code": "teacher_may_have_seen_test", "message": "the teacher <may> have | seen test"}],
}
REPORT = {
    "version": 1,
    "asked": {
        "name": "digits-cnn",
        "task": "image-classification",
        "losses": [{"kind": "soft_target", "weight": 0.9}],
    },
    "result": RESULT,
    "table": [{"figure": "accuracy", "teacher": 0.9, "student": 0.9, "control": 0.9}],
}

STAGES = [
    Stage(
        name="training",
        losses=[Hint(layers=[LayerPair(student="features.0", teacher="layer1")])],
        training=Training(),
    )
]
"""What a worker made of `layers: auto`."""
PLANNED = Planned(
    stages=STAGES,
    student={"parameters": 1234, "size_bytes": 4936},
    teacher={"parameters": 9999},
    fits_memory=True,
    memory_bytes=2**30,
    estimate={"seconds": 12.0},
    warnings=[],
)


@dataclass(frozen=True)
class World:
    """Ids of one project's things."""

    file_id: str
    model_id: str
    """`teacher@production`."""
    dataset_id: str
    job_id: str
    """Succeeded, with all that a job can leave."""
    queued_job_id: str
    artifact_id: str
    """Holds `CONTENT`."""
    checkpoint_id: str
    export_id: str
    """Asked for of the model, and failed."""

    def __getitem__(self, name: str) -> str:
        """The value of a path parameter."""
        fixed = {"split": "test", "suffix": "json", "name": "teacher", "alias": "production"}
        return fixed.get(name) or str(getattr(self, name))


def kept(sessions: Sessions, store: Store, content: bytes, aside: Path) -> str:
    """The sha256 of these bytes, which are in the store now."""
    sha256 = hashlib.sha256(content).hexdigest()
    aside.write_bytes(content)
    blobs.keep(sessions, store, path=aside, sha256=sha256, size=len(content))
    return sha256


def make_world(sessions: Sessions, store: Store, project_id: str, aside: Path) -> World:
    content = kept(sessions, store, CONTENT, aside)
    report = kept(sessions, store, json.dumps(REPORT).encode(), aside)
    with sessions.writing() as session:
        file = add_file(
            session,
            project_id=project_id,
            filename="digits.npz",
            purpose="dataset",
            sha256=content,
            size=len(CONTENT),
        )
        model = builders.a_model(session, project_id)
        model.inspection = {"parameters": 12, "size_bytes": 48, "layers": [], "report": {}}
        dataset = builders.a_dataset(session, project_id)
        dataset.tables = {"test": {"sha256": content, "bytes": len(CONTENT)}}
        dataset.preview = [{"row": 1, "label": "3", "features": [0.0, 1.0]}]
        blobs.refer(session, dataset.id, [content])
        production = aliases.Wish(1, by=builders.KEY)
        aliases.move(session, project_id=project_id, name="teacher", alias="production", wish=production)
        job = builders.submitted(session, project_id, metadata={"commit": "abc"}, teacher="teacher")
        list_key(session, Signer(Ed25519PrivateKey.generate()))
    run_to_success(
        sessions,
        artifacts=[
            KeptArtifact(
                "student", "safetensors", "student.safetensors", "application/octet-stream", content, 1000
            ),
            KeptArtifact("report", "json", "report.json", "application/json", report, 1),
        ],
    )
    with sessions.writing() as session:
        queued = builders.submitted(session, project_id, name="waiting")
        artifact_id = session.query(Artifact.id).filter_by(job_id=job.id, kind="student").scalar()
        checkpoint_id = lifecycle_checkpoint(session, job.id)
        export = builders.a_failed_export(session, model)
    return World(file.id, model.id, dataset.id, job.id, queued.id, artifact_id, checkpoint_id, export.id)


def lifecycle_checkpoint(session: Any, job_id: str) -> str:
    from ledger import queries

    return queries.checkpoints(session, job_id)[0].id


def run_to_success(sessions: Sessions, *, artifacts: list[KeptArtifact]) -> Job:
    """The best waiting job, claimed, recorded and done."""
    with sessions.writing() as session:
        hold = builders.claimed(session).hold
        lifecycle.record(session, hold, Flush(begun=Begun(pid=4242, resumed_from_step=0)))
        flush = builders.checkpoint(session)
        lifecycle.record(session, hold, flush)
        lifecycle.record(
            session,
            hold,
            Flush(
                phases=(PhaseChanged(name="training", status="running"),),
                metrics=tuple(builders.measured(step, 1.0 / step) for step in range(1, 51)),
                warnings=(Warned(code="term_ignored", message="a term gives less than 1% of the gradient"),),
                log=LOG.encode(),
            ),
        )
        return lifecycle.succeed(
            session, hold, finished=builders.finished(result=RESULT), artifacts=artifacts
        )


def answer_the_dry_run(sessions: Sessions, project_id: str) -> None:
    """As a worker does, for the document of `raw_document()`."""
    with sessions.writing() as session:
        resolved = resolve(session, project_id=project_id, document=parse_job(builders.raw_document()))
        lifecycle.add_plan(session, project_id=project_id, resolved=resolved)
        claim = lifecycle.claim_chore(session, worker="w1", lease_s=60)
        assert claim is not None
        lifecycle.finish_plan(session, claim.hold, PLANNED)


def promote_the_checkpoint(sessions: Sessions, world: World, project_id: str) -> None:
    """As a worker does."""
    with sessions.writing() as session:
        lifecycle.add_promotion(session, project_id=project_id, checkpoint_id=world.checkpoint_id)
        claim = lifecycle.claim_chore(session, worker="w1", lease_s=60)
        assert claim is not None
        sha256 = builders.kept_blob(session, "archive")
        archive = KeptArtifact("checkpoint", "zip", "student-step-50.zip", "application/zip", sha256, 7)
        lifecycle.finish_promotion(session, claim.hold, archive)
