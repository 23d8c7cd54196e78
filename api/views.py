"""Rows as bodies."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.schemas.datasets import DatasetRead, SplitRead
from api.schemas.exports import ExportRead
from api.schemas.inputs import Rejection
from api.schemas.jobs import ArtifactRead, AttemptRead, JobRead
from api.schemas.models import ModelRead
from api.schemas.registry import AliasMoveRead, AliasRead, LineageRead
from ledger import lifecycle, queries
from ledger.aliases import Pointing
from ledger.manifest import dataset_sha256
from ledger.tables import Alias, AliasMove, Artifact, Attempt, Chore, Dataset, Job, Model

_LINKS = ("events", "metrics", "logs", "attempts", "checkpoints", "artifacts", "report")


def show_job(session: Session, job: Job) -> JobRead:
    return show_jobs(session, [job])[0]


def show_jobs(session: Session, jobs: Sequence[Job]) -> list[JobRead]:
    """The jobs whole, with as many questions for all of them as for one."""
    begun = [job.id for job in jobs if job.attempt]
    attempts: defaultdict[str, list[Attempt]] = defaultdict(list)
    artifacts: defaultdict[str, list[Artifact]] = defaultdict(list)
    if begun:  # a job that is submitted just now has none of either
        of_these = select(Attempt).where(Attempt.job_id.in_(begun))
        for attempt in session.scalars(of_these.order_by(Attempt.number)):
            attempts[attempt.job_id].append(attempt)
        left = select(Artifact).where(Artifact.job_id.in_(begun))
        for artifact in session.scalars(left.order_by(Artifact.id)):
            artifacts[artifact.job_id].append(artifact)
    places = queries.queue_places(session, jobs)
    return [
        JobRead.model_validate(
            {
                **_columns(job),
                "metadata": job.user_metadata,
                "attempts": [AttemptRead.model_validate(attempt) for attempt in attempts[job.id]],
                "artifacts": [ArtifactRead.model_validate(artifact) for artifact in artifacts[job.id]],
                "queue": places.get(job.id),
                "links": _links(job.id),
            }
        )
        for job in jobs
    ]


def _columns(row: Any) -> dict[str, Any]:
    return {attribute.key: getattr(row, attribute.key) for attribute in type(row).__mapper__.column_attrs}


def _links(job_id: str) -> dict[str, str]:
    address = f"/v1/jobs/{job_id}"
    return {"self": address, **{name: f"{address}/{name}" for name in _LINKS}}


def show_model(session: Session, model: Model) -> ModelRead:
    return show_models(session, [model])[0]


def show_models(session: Session, models: Sequence[Model]) -> list[ModelRead]:
    """The models, with one question for the aliases of all of them."""
    named: defaultdict[str, list[str]] = defaultdict(list)
    pointing = select(Alias.model_id, Alias.alias).where(Alias.model_id.in_([model.id for model in models]))
    for model_id, alias in session.execute(pointing.order_by(Alias.alias)):
        named[str(model_id)].append(alias)
    return [_show_model(model, named[model.id]) for model in models]


def _show_model(model: Model, aliases: list[str]) -> ModelRead:
    declared, inspection = model.declared, model.inspection or {}
    return ModelRead.model_validate(
        {
            **_columns(model),
            **{name: declared.get(name) for name in ("license", "claims")},
            **(model.network or {name: declared.get(name) for name in _OF_THE_NETWORK}),
            "parameters": inspection.get("parameters"),
            "size_bytes": inspection.get("size_bytes"),
            "layers": inspection.get("layers", []),
            "report": inspection.get("report", {}),
            "problem": _rejection(model.problem),
            "aliases": aliases,
        }
    )


_OF_THE_NETWORK = ("task", "architecture", "config", "labels", "input", "preprocessing")


def show_alias(pointing: Pointing) -> AliasRead:
    alias, last = pointing.alias, pointing.last
    return AliasRead.model_validate(
        {
            **_columns(alias),
            "version": last.version,
            "moved_at": last.at,
            "moved_by": last.by,
            "reason": last.reason,
            "forced": last.forced,
        }
    )


def show_alias_move(move: AliasMove) -> AliasMoveRead:
    return AliasMoveRead.model_validate({**_columns(move), "moved_at": move.at, "moved_by": move.by})


def show_lineage(of: str, found: queries.Lineage) -> LineageRead:
    nodes = [{"id": node.id, "kind": node.kind, **node.facts} for node in found.nodes.values()]
    edges = [vars(edge) for edge in found.edges]
    return LineageRead.model_validate(
        {"of": of, "nodes": nodes, "edges": edges, "truncated": found.truncated}
    )


def show_late_exports(session: Session, chores: Sequence[Chore]) -> list[ExportRead]:
    """The exports, with one question for the files of all of them."""
    files = {artifact.id: artifact for artifact in lifecycle.late_artifacts(session, chores)}
    return [_show_late_export(chore, files) for chore in chores]


def _show_late_export(chore: Chore, files: Mapping[str, Artifact]) -> ExportRead:
    result, asked = chore.result or {}, chore.request["asked"]
    block = result.get("export")
    return ExportRead.model_validate(
        {
            **_columns(chore),
            "model_id": chore.subject_id,
            "format": asked["export"]["format"],
            "status": block["status"] if block else chore.status,
            "export": block,
            "artifacts": [
                ArtifactRead.model_validate(files[id]) for id in result.get("artifacts", ()) if id in files
            ],
            "problem": _rejection(chore.error),
        }
    )


def show_dataset(dataset: Dataset) -> DatasetRead:
    data = dataset.data or {}
    tables = dataset.tables or {}
    splits = {
        name: SplitRead(
            examples=split["examples"],
            labeled=split["labeled"],
            class_counts=split["class_counts"],
            sha256=tables.get(name, {}).get("sha256"),
            bytes=tables.get(name, {}).get("bytes"),
        )
        for name, split in data.get("splits", {}).items()
    }
    return DatasetRead.model_validate(
        {
            **_columns(dataset),
            "builtin": dataset.declared.get("builtin"),
            "task": data.get("task") or dataset.declared["task"],
            "labels": data.get("labels"),
            "input": data.get("input"),
            "examples": sum(split.examples for split in splits.values()) if splits else None,
            "splits": splits,
            "report": dataset.inspection or {},
            "sha256": dataset_sha256(data),
            "license": dataset.declared.get("license"),
            "problem": _rejection(dataset.problem),
        }
    )


def _rejection(problem: dict[str, Any] | None) -> Rejection | None:
    return None if problem is None else Rejection.model_validate(problem)
