"""Which checkpoint a job may go on from."""

import hashlib
import json

from distill.config.folder import RunJob

LEARNING_FACTS = {
    "task",
    "teacher",
    "teachers",
    "combine",
    "via",
    "dataset",
    "labels",
    "student",
    "losses",
    "training",
    "stages",
    "evaluation",
}
CHECKPOINT_LAYOUT = 4
"""Raised where a checkpoint is written differently: an older one is then not read."""


def fingerprint(request: RunJob) -> str:
    """What a checkpoint must agree with to go on: everything that learning depends on."""
    facts = [
        CHECKPOINT_LAYOUT,
        request.document.model_dump(mode="json", include=LEARNING_FACTS),
        [teacher.files for teacher in request.teachers],
        request.student.files if request.student else None,
        {name: split.sha256 for name, split in request.dataset.splits.items()},
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
