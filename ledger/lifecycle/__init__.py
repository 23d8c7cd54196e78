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
from ledger.lifecycle.hold import Hold, JobError, Wish, look, renew
from ledger.lifecycle.late_export import (
    LateExport,
    add_late_export,
    finish_late_export,
    late_artifacts,
    late_exports,
)
from ledger.lifecycle.promotion import Promotion, add_promotion, finish_promotion, promoted
from ledger.lifecycle.record import Begun, Flush, record
from ledger.lifecycle.submit import Submission, clone, submit
from ledger.lifecycle.wishes import Change, amend, cancel, delete_job, pause, resume, retry

__all__ = [
    "Begun",
    "Change",
    "ChoreClaim",
    "Claim",
    "Flush",
    "Hold",
    "JobError",
    "KeptArtifact",
    "LateExport",
    "Promotion",
    "Submission",
    "Wish",
    "add_late_export",
    "add_plan",
    "add_promotion",
    "amend",
    "cancel",
    "chores",
    "claim_chore",
    "claim_next",
    "clone",
    "delete_job",
    "fail",
    "finish_dataset",
    "finish_late_export",
    "finish_model",
    "finish_plan",
    "finish_promotion",
    "late_artifacts",
    "late_exports",
    "look",
    "pause",
    "promoted",
    "record",
    "reject",
    "renew",
    "renew_chore",
    "requeue",
    "requeue_chore",
    "resume",
    "retry",
    "stopped",
    "submit",
    "succeed",
    "sweep",
]
