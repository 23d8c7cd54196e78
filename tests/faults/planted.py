"""Bugs that the proof must find, each as a patch on a copy of the tree, and the test that finds it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.faults.yard import ROOT

_PARTS = ("api", "distill", "ledger", "limbeck", "migrations", "tests", "worker", "pyproject.toml")


@dataclass(frozen=True)
class Change:
    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Bug:
    name: str
    changes: tuple[Change, ...]
    found_by: str
    """A test, as pytest spells it, without its `tests/faults/`."""
    says: str
    """What the test says of it."""


BUGS = (
    Bug(
        "no fence check",
        (
            Change(
                "ledger/lifecycle/hold.py",
                "        table.attempt == hold.attempt,\n        table.token == hold.token,\n",
                "",
            ),
        ),
        "test_pauses.py::test_who_stood_still_at_the_very_end_writes_nothing[sqlite]",
        "the result is that of an attempt that was over",
    ),
    Bug(
        "no unique key",
        (
            Change(
                "migrations/versions/0001_first_schema.py",
                '"dedupe_key"], unique=True, **WHERE_DEDUPED',
                '"dedupe_key"], unique=False, **WHERE_DEDUPED',
            ),
            Change("ledger/lifecycle/submit.py", ").one_or_none()", ").first()"),
        ),
        "test_submitted_twice.py::test_requests_with_one_dedupe_key_make_one_job[postgresql]",
        "one dedupe_key, two jobs",
    ),
    Bug(
        "rename before sync",
        (
            Change(
                "ledger/files.py",
                "            os.fsync(file.fileno())\n",
                "            aside.replace(target)\n            os.fsync(file.fileno())\n",
            ),
            Change("ledger/files.py", "        aside.replace(target)\n        _sync", "        _sync"),
        ),
        "test_points.py::test_what_a_power_cut_leaves_unsynced_is_not_taken_for_a_blob[sqlite]",
        "missing or corrupt",
    ),
    Bug(
        "NULL lease forgotten",
        (
            Change(
                "ledger/lifecycle/sweep.py",
                "or_(Job.lease_expires_at.is_(None), Job.lease_expires_at < clock())",
                "Job.lease_expires_at < clock()",
            ),
        ),
        "test_damage.py::test_a_running_job_of_which_nobody_knows_the_lease_is_taken_back[sqlite]",
        "a job without a lease waits for ever",
    ),
    Bug(
        "row before blob",
        (
            Change(
                "worker/keep.py",
                "    put = partial(blobs.keep, place.sessions, place.store, path=source, ",
                "    LATE.append((source, sha256))\n    put = partial(_row_alone, place, ",
            ),
            Change(
                "worker/keep.py",
                "def _log(",
                "LATE: list[tuple[Path, str]] = []\n\n\n"
                "def _row_alone(place: Place, *, sha256: str, size: int) -> None:\n"
                "    with place.sessions.writing() as session:\n"
                "        blobs._touch(session, sha256, size)\n\n\n"
                "def _log(",
            ),
            Change(
                "worker/run.py",
                '                log.info("attempt_ended", verdict=type(verdict).__name__)\n',
                "                for path, sha256 in keep.LATE:\n"
                "                    if path.exists():\n"
                "                        self.place.store.put(path, sha256)\n"
                "                keep.LATE.clear()\n",
            ),
        ),
        "test_points.py::test_the_worst_moments_to_die_cost_nothing[sqlite]",
        "missing or corrupt",
    ),
)


def planted(bug: Bug, to: Path) -> Path:
    """A copy of the tree with this bug in it."""
    for part in _PARTS:
        source, target = ROOT / part, to / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    for change in bug.changes:
        path = to / change.path
        text = path.read_text()
        assert text.count(change.old) == 1, f"the patch {bug.name!r} no longer fits {change.path}: renew it"
        path.write_text(text.replace(change.old, change.new))
    return to
