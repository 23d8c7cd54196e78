"""What people read of the ledger; nothing here writes."""

from ledger.lifecycle.history import best_checkpoint
from ledger.queries.objects import (
    Head,
    Page,
    find_dataset,
    find_model,
    get_artifact,
    get_chore,
    get_dataset,
    get_file,
    get_job,
    get_model,
    heads,
    list_datasets,
    list_files,
    list_jobs,
    list_models,
)
from ledger.queries.traces import artifacts, attempts, checkpoints, events_after, log_text, metrics
from ledger.queries.waiting import Place, free_slots, list_queue, queue_places, queue_position, waiting

__all__ = [
    "Head",
    "Page",
    "Place",
    "artifacts",
    "attempts",
    "best_checkpoint",
    "checkpoints",
    "events_after",
    "find_dataset",
    "find_model",
    "free_slots",
    "get_artifact",
    "get_chore",
    "get_dataset",
    "get_file",
    "get_job",
    "get_model",
    "heads",
    "list_datasets",
    "list_files",
    "list_jobs",
    "list_models",
    "list_queue",
    "log_text",
    "metrics",
    "queue_places",
    "queue_position",
    "waiting",
]
