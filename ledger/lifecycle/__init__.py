"""Every change of a job's or a chore's state. The verbs take a session and never end it."""

from ledger.lifecycle import chores, sweep
from ledger.lifecycle.chores import (
    ChoreClaim,
    add_plan,
    claim_chore,
    finish_dataset,
    finish_model,
    finish_plan,
    reject,
    renew_chore,
    requeue_chore,
)
from ledger.lifecycle.claim import Claim, claim_next
from ledger.lifecycle.endings import KeptArtifact, fail, requeue, stopped, succeed
from ledger.lifecycle.hold import Hold, JobError, renew
from ledger.lifecycle.record import Flush, record, started
from ledger.lifecycle.submit import Submission, clone, submit
from ledger.lifecycle.wishes import Change, amend, cancel, delete_job, pause, resume, retry

__all__ = [
    "Change",
    "ChoreClaim",
    "Claim",
    "Flush",
    "Hold",
    "JobError",
    "KeptArtifact",
    "Submission",
    "add_plan",
    "amend",
    "cancel",
    "chores",
    "claim_chore",
    "claim_next",
    "clone",
    "delete_job",
    "fail",
    "finish_dataset",
    "finish_model",
    "finish_plan",
    "pause",
    "record",
    "reject",
    "renew",
    "renew_chore",
    "requeue",
    "requeue_chore",
    "resume",
    "retry",
    "started",
    "stopped",
    "submit",
    "succeed",
    "sweep",
]
