"""What the ledger refuses, in the words of the domain. HTTP statuses live in `api.problems` alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from distill.config.problem import Problem


class LedgerError(Exception):
    """The root. `code` is stable, for programs; the message is a sentence, for people."""

    code: ClassVar[str] = "ledger_error"


class NotFound(LedgerError):
    """There is no such thing in this project (whether another project has one is not told)."""

    code = "not_found"

    def __init__(self, kind: str, id: str) -> None:
        super().__init__(f"there is no {kind} {id!r}")
        self.kind = kind
        self.id = id


class NotAllowedNow(LedgerError):
    """The job's state does not allow this; `allowed_actions` says what it does allow."""

    code = "not_allowed_now"

    def __init__(self, status: str, allowed_actions: Sequence[str], detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.allowed_actions = tuple(allowed_actions)


class SpecInvalid(LedgerError):
    """A document that parses but cannot be done; each problem has its place."""

    code = "spec_invalid"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.pointer}: {problem.detail}" for problem in problems))
        self.problems = list(problems)


class InUse(LedgerError):
    """It cannot go while others need it; `users` are their ids."""

    code = "in_use"

    def __init__(self, detail: str, users: Sequence[str]) -> None:
        super().__init__(detail)
        self.users = tuple(users)


class PreconditionFailed(LedgerError):
    """The object has changed since the caller read it."""

    code = "precondition_failed"


class InputsNotReady(LedgerError):
    """Inputs are still being inspected; `waiting_for` are their ids."""

    code = "inputs_inspecting"

    def __init__(self, waiting_for: Sequence[str]) -> None:
        super().__init__(f"still being inspected: {', '.join(waiting_for)}; ask again in a moment")
        self.waiting_for = tuple(waiting_for)


class InputRejected(LedgerError):
    """Its inspection found that it cannot be used."""

    code = "input_rejected"


class GatesNotPassed(LedgerError):
    """The job of this version did not end well enough for an alias to move by itself."""

    code = "gates_not_passed"

    def __init__(
        self, detail: str, conclusion: str, gates: Sequence[dict[str, Any]], exports: Sequence[str]
    ) -> None:
        super().__init__(detail)
        self.conclusion = conclusion
        self.gates = tuple(gates)
        """Those of the result that are not passed."""
        self.exports = tuple(exports)
        """The formats that failed."""


class NotExportable(LedgerError):
    """No file of this format can be made of this model now."""

    code = "not_exportable"


class KeyInvalid(LedgerError):
    """The API key is missing, unknown, expired or revoked; which of these is not told."""

    code = "key_invalid"

    def __init__(self) -> None:
        super().__init__("the API key is missing or not valid; send a good one as Authorization: Bearer KEY")


class ScopeMissing(LedgerError):
    """The key is good, but not for this."""

    code = "scope_missing"

    def __init__(self, scope: str) -> None:
        super().__init__(f"this API key lacks the scope '{scope}'")
        self.scope = scope


class HoldLost(LedgerError):
    """The worker no longer holds this job or chore: another attempt, or an end, came in between."""

    code = "hold_lost"


class BlobDoomed(LedgerError):
    """These bytes are just being collected; keep them again, then refer to them."""

    code = "blob_doomed"

    def __init__(self, sha256: str) -> None:
        super().__init__("these bytes are just being removed from the store; send them again in a moment")
        self.sha256 = sha256


class StoreUnavailable(LedgerError):
    """The blob store did not answer, or not as it should."""

    code = "store_unavailable"


class StoreFull(LedgerError):
    """There is no room left for the bytes."""

    code = "store_full"


class BlobCorrupt(LedgerError):
    """The stored bytes do not have the sha256 that they are stored under."""

    code = "blob_corrupt"


class DatabaseBusy(LedgerError):
    """The database cannot be reached or did not give way in time; nothing was changed."""

    code = "database_busy"


class DatabaseFull(DatabaseBusy):
    """The disk of the database has no room left; nothing was changed."""

    code = "database_full"


class SigningKeyUnusable(LedgerError):
    """The file that LIMBECK_SIGNING_KEY names is no key that can sign."""

    code = "signing_key_unusable"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"the signing key {path} cannot be used: {reason}")


class IdempotencyMismatch(LedgerError):
    """The same Idempotency-Key came with another request."""

    code = "idempotency_mismatch"

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key was used for another request; use a new key for a new request")


class IdempotencyInFlight(LedgerError):
    """The first request with this key has no answer yet. `retry_after` is in seconds."""

    code = "idempotency_in_flight"

    def __init__(self, retry_after: int) -> None:
        super().__init__("the first request with this Idempotency-Key is still in flight")
        self.retry_after = retry_after
