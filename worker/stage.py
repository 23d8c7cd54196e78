"""Fill a folder with what a process needs, every byte verified by its sha256."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from distill.config.folder import REQUEST, Incumbent, PlanJob, Registered, Registry, RunJob
from distill.config.networks import Dataset, Network
from distill.config.section import Section
from ledger import tables
from ledger.errors import BlobCorrupt, NotFound
from ledger.inputs import Inputs
from ledger.lifecycle import ChoreClaim, Claim, LateExport, Promotion
from ledger.lifecycle.promotion import TOKENIZER
from ledger.resolve import document_of
from worker.folders import Folder
from worker.place import Place

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Resumption:
    """Where an attempt begins: at the beginning, or at a checkpoint whose bytes are good."""

    step: int
    damaged: tuple[str, ...]
    """Ids of newer checkpoints that could not be used."""


@dataclass(frozen=True)
class _Records:
    """What the inspections found of a job's inputs."""

    teachers: list[Network]
    student: Network | None
    incumbents: list[Network]
    dataset: Dataset

    def files(self) -> dict[str, dict[str, str]]:
        """For each folder in `in` the names of its files and their sha256."""
        networks = {f"teachers/{number}": teacher for number, teacher in enumerate(self.teachers)}
        if self.student is not None:
            networks["student"] = self.student
        networks |= {f"incumbents/{number}": network for number, network in enumerate(self.incumbents)}
        return {
            "dataset": {split.file: split.sha256 for split in self.dataset.splits.values()},
            **{part: network.files for part, network in networks.items()},
        }


def stage_job(place: Place, claim: Claim, folder: Folder, *, heed: Callable[[], None]) -> Resumption:
    """Everything that `run` reads. `heed` is called before each file; what it raises ends the staging.

    Raises:
        BlobCorrupt, NotFound, StoreUnavailable: an input cannot be had.
        OSError: the disk is full or broken.
    """
    records = _records(claim.inputs)
    for part, files in records.files().items():
        for name, sha256 in files.items():
            heed()
            place.cache.place(claim.job.project_id, sha256, folder.inputs / part / _name(name))
    heed()
    checkpoint, damaged = _stage_checkpoint(place, claim, folder)
    request = RunJob(
        document=claim.document,
        teachers=records.teachers,
        student=records.student,
        incumbents=[
            Incumbent(
                model=model.id,
                name=model.name,
                version=model.version,
                said=_as_its_user_called(model.id, claim),
                network=network,
            )
            for model, network in zip(claim.inputs.incumbents, records.incumbents, strict=True)
        ],
        dataset=records.dataset,
        registry=_registry(claim.inputs),
        device="cuda" if claim.job.gpus else "cpu",
        threads=place.threads,
        resume=checkpoint is not None,
    )
    _write(request, folder)
    return Resumption(checkpoint.step if checkpoint else 0, damaged)


def stage_upload(place: Place, claim: ChoreClaim, request: Section, folder: Folder) -> None:
    """Everything that `inspect` reads. (Errors as of `stage_job`.)"""
    if claim.file is not None:
        place.cache.place(claim.chore.project_id, claim.file.sha256, folder.inputs / "upload")
    _write(request, folder)


def stage_plan(place: Place, claim: ChoreClaim, folder: Folder, *, memory_bytes: int) -> None:
    """Everything that `plan` reads: records alone, for it touches no weight and no example."""
    assert claim.inputs is not None
    records = _records(claim.inputs)
    request = PlanJob(
        document=document_of(claim.chore.request),
        teachers=records.teachers,
        student=records.student,
        dataset=records.dataset,
        memory_bytes=memory_bytes,
    )
    _write(request, folder)


def stage_promotion(place: Place, promotion: Promotion, folder: Folder) -> None:
    """Everything that `promote` reads. (Errors as of `stage_job`.)"""
    place.store.fetch(promotion.checkpoint, folder.inputs / "checkpoint")
    if promotion.tokenizer is not None:
        place.store.fetch(promotion.tokenizer, folder.inputs / TOKENIZER)
    _write(promotion.asked, folder)


def stage_late_export(place: Place, late: LateExport, project_id: str, folder: Folder) -> None:
    """Everything that `export` reads. (Errors as of `stage_job`.)"""
    for part, files in late.files().items():
        for name, sha256 in files.items():
            place.cache.place(project_id, sha256, folder.inputs / part / _name(name))
    _write(late.asked.model_copy(update={"threads": place.threads}), folder)


def _records(inputs: Inputs) -> _Records:
    return _Records(
        teachers=[Network.model_validate(teacher.network) for teacher in inputs.teachers],
        student=Network.model_validate(inputs.student.network) if inputs.student is not None else None,
        incumbents=[Network.model_validate(incumbent.network) for incumbent in inputs.incumbents],
        dataset=Dataset.model_validate(inputs.dataset.data),
    )


def _registry(inputs: Inputs) -> Registry:
    start = inputs.student
    return Registry(
        teachers=[_registered(teacher) for teacher in inputs.teachers],
        student=_registered(start) if start is not None else None,
        dataset=_registered(inputs.dataset),
    )


def _registered(row: tables.Model | tables.Dataset) -> Registered:
    return Registered(id=row.id, name=row.name, version=row.version, license=row.declared.get("license"))


def _as_its_user_called(model_id: str, claim: Claim) -> str:
    """The reference in the document as it was sent, of the first gate that means this model."""
    place = [gate.incumbent for gate in claim.document.gates].index(model_id)
    return str(claim.job.spec["gates"][place]["relative_to"])


def _stage_checkpoint(
    place: Place, claim: Claim, folder: Folder
) -> tuple[tables.Checkpoint | None, tuple[str, ...]]:
    """The newest checkpoint whose bytes are what was written, and those that are not."""
    damaged: list[str] = []
    for checkpoint in claim.checkpoints:
        try:
            place.store.fetch(checkpoint.sha256, folder.inputs / "checkpoint")
        except (BlobCorrupt, NotFound) as error:
            log.error("checkpoint_damaged", checkpoint_id=checkpoint.id, error=str(error))
            damaged.append(checkpoint.id)
        else:
            return checkpoint, tuple(damaged)
    return None, tuple(damaged)


def _write(request: Section, folder: Folder) -> None:
    (folder.path / REQUEST).write_text(request.model_dump_json())


def _name(name: str) -> str:
    """A stored file name is one component, whatever process once made it up."""
    if Path(name).name != name:
        raise BlobCorrupt(f"{name!r} is no file name")
    return name
