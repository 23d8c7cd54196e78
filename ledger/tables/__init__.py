"""The rows of the ledger. Every time is in epoch seconds by the clock of the database."""

from ledger.tables.access import ApiKey, IdempotencyKey, Lease, Project, SigningKey
from ledger.tables.declaration import Table
from ledger.tables.inputs import Blob, Dataset, File, Model, Reference
from ledger.tables.jobs import (
    Artifact,
    Attempt,
    Checkpoint,
    Event,
    Job,
    JobModel,
    LogChunk,
    Metric,
)
from ledger.tables.registry import Alias, AliasMove
from ledger.tables.work import Chore, Worker

__all__ = [
    "Alias",
    "AliasMove",
    "ApiKey",
    "Artifact",
    "Attempt",
    "Blob",
    "Checkpoint",
    "Chore",
    "Dataset",
    "Event",
    "File",
    "IdempotencyKey",
    "Job",
    "JobModel",
    "Lease",
    "LogChunk",
    "Metric",
    "Model",
    "Project",
    "Reference",
    "SigningKey",
    "Table",
    "Worker",
]
