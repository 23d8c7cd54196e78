"""The queue, the workers and the health of the service."""

from typing import Literal

from api.schemas.jobs import JobStatus
from api.schemas.shared import Moment, Read


class QueuedJob(Read):
    """A waiting job. `position` counts within its lane; 1 is next."""

    id: str
    name: str
    status: JobStatus
    lane: str
    priority: int
    position: int
    reason: str
    created_at: Moment


class WorkerRead(Read):
    name: str
    lanes: list[str]
    slots: int
    devices: list[str]
    memory_bytes: int
    sandbox: str
    started_at: Moment
    seen_at: Moment


class Health(Read):
    status: Literal["ok"] = "ok"


class WorkerHealth(Read):
    name: str
    lanes: list[str]
    sandbox: str
    """`bubblewrap`, or `limits` where user namespaces are not to be had."""


class Readiness(Read):
    """Every check passed; else the answer is a problem with the same members."""

    status: Literal["ready"] = "ready"
    checks: dict[str, str]
    """`ok` for each of database, broker and store."""
    workers: list[WorkerHealth]
    """Those heard of lately. None is no hindrance: work waits."""


class SigningKeyRead(Read):
    """The public part of a key that signs manifests, or once did."""

    key_id: str
    """The first 16 hexadecimal digits of the sha256 of the raw public key."""
    algorithm: Literal["Ed25519"] = "Ed25519"
    public_key: str
    """PEM (SubjectPublicKeyInfo)."""
    created_at: Moment


class SigningKeysRead(SigningKeyRead):
    """The key that signs now."""

    object: Literal["signing_key"] = "signing_key"
    keys: list[SigningKeyRead]
    """This one and all that signed before it, newest first."""
