"""What the command line says to a script: the exit codes of the contract."""

from enum import IntEnum

from limbeck.errors import LimbeckError, NotAuthorized, OverQuota, Unreachable, WaitTimedOut
from limbeck.objects import Job


class Exit(IntEnum):
    PASSED = 0
    """Passed its gates, or has none."""
    FAILED = 1
    """The job failed, with any class but infrastructure."""
    USAGE = 2
    """Bad usage, or what was sent is rejected."""
    GATE = 3
    """A gate failed or is inconclusive, an export failed, or a folder is not as its job left it."""
    CANCELLED = 4
    STILL_RUNS = 5
    """The time to wait is over, or the user detached; the job goes on."""
    UNREACHABLE = 6
    """No service, or the job failed for its infrastructure."""
    NOT_AUTHORIZED = 7
    """The key is wrong, or the quota is used up."""


def of_job(job: Job, *, allow_inconclusive: bool = False) -> Exit:
    """How a job ended, or that it has not."""
    status = job["status"]
    if status == "succeeded":
        conclusion = job.get("conclusion")
        if conclusion == "gate_inconclusive" and allow_inconclusive:
            return Exit.PASSED
        return Exit.PASSED if conclusion in ("passed", "no_gate") else Exit.GATE
    if status == "failed":
        infrastructure = (job.get("error") or {}).get("class") == "infrastructure"
        return Exit.UNREACHABLE if infrastructure else Exit.FAILED
    return Exit.CANCELLED if status == "cancelled" else Exit.STILL_RUNS


def of_gates(job: Job, *, allow_inconclusive: bool = False) -> Exit:
    """What the gates of a job came to. A job without gates was asked about what nobody asked it.

    Only what is known to have passed passes: the conclusion and each of the verdicts must say so.
    """
    asked = (job.get("resolved_spec") or {}).get("gates") or []
    if not asked:
        return Exit.USAGE
    ended = of_job(job, allow_inconclusive=allow_inconclusive)
    if ended is not Exit.PASSED:
        return ended
    verdicts = [gate.get("verdict") for gate in (job.get("result") or {}).get("gates") or []]
    enough = {"passed", "inconclusive"} if allow_inconclusive else {"passed"}
    are_good = len(verdicts) == len(asked) and set(verdicts) <= enough
    return Exit.PASSED if are_good and job.get("conclusion") != "no_gate" else Exit.GATE


def of_error(error: LimbeckError) -> Exit:
    match error:
        case Unreachable():
            return Exit.UNREACHABLE
        case NotAuthorized() | OverQuota():
            return Exit.NOT_AUTHORIZED
        case WaitTimedOut():
            return Exit.STILL_RUNS
        case _:
            return Exit.USAGE
