"""Which checkpoints are kept, and how one of them becomes an artifact."""

import pytest
from sqlalchemy import select, update

from distill.config.events import Failed
from ledger import lifecycle, queries
from ledger.database import Sessions, clock
from ledger.errors import HoldLost, NotFound
from ledger.lifecycle import Hold, KeptArtifact, Promotion
from ledger.tables import Artifact, Chore, Job, Reference
from tests.ledger.builders import checkpoint, finished, kept_blob, taken


@pytest.mark.parametrize(
    ("figures", "kept"),
    [
        ([None, None, None, None], [4, 3]),
        ([0.1, 0.9, 0.5, 0.6], [4, 3, 2]),
        ([0.9, 0.5, 0.6, 0.9], [4, 3]),
        ([-5.0, -2.0, -3.0, None], [4, 3, 2]),
        ([None, 0.5, 0.5, 0.1, 0.1], [5, 4, 3]),
    ],
    ids=["no figures", "the best is older", "of equals the newest", "below zero", "equals"],
)
def test_the_newest_two_are_kept_and_the_best(
    sessions: Sessions, job: Job, hold: Hold, figures: list[float | None], kept: list[int]
) -> None:
    for step, figure in enumerate(figures, 1):
        with sessions.writing() as session:
            lifecycle.record(session, hold, checkpoint(session, step=step, figure=figure))
    with sessions.reading() as session:
        there = queries.checkpoints(session, job.id)
        best = queries.best_checkpoint(session, job.id)
        referred = session.scalars(select(Reference.owner_id)).all()
    assert [one.step for one in there] == kept
    assert {one.id for one in there} <= set(referred)
    if any(figure is not None for figure in figures):
        assert [one.figure for one in there if one.id == best] == [max(f for f in figures if f is not None)]


def test_what_is_best_is_a_student_whatever_a_teacher_or_a_control_reached(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    runs = [("teacher", 0.99), ("student", 0.8), ("student.seed2", 0.7), ("control", 0.9), ("control", 0.9)]
    for step, (run, figure) in enumerate(runs, 1):
        with sessions.writing() as session:
            lifecycle.record(session, hold, checkpoint(session, step=step, run=run, figure=figure))
    with sessions.reading() as session:
        assert [one.step for one in queries.checkpoints(session, job.id)] == [5, 4, 2]


@pytest.fixture
def checkpoint_id(sessions: Sessions, job: Job, hold: Hold) -> str:
    with sessions.writing() as session:
        lifecycle.record(session, hold, checkpoint(session, step=7))
    with sessions.reading() as session:
        (found,) = queries.checkpoints(session, job.id)
    return found.id


def ask(sessions: Sessions, job: Job, checkpoint_id: str) -> Chore:
    with sessions.writing() as session:
        return lifecycle.add_promotion(session, project_id=job.project_id, checkpoint_id=checkpoint_id)


def promote(sessions: Sessions) -> Chore:
    claim = taken(sessions)
    with sessions.writing() as session:
        sha256 = kept_blob(session, "archive")
        kept = KeptArtifact("checkpoint", "zip", "student-step-7.zip", "application/zip", sha256, 7)
        return lifecycle.finish_promotion(session, claim.hold, kept)


def test_a_promotion_becomes_an_artifact_of_the_job_and_of_the_attempt_that_wrote_the_checkpoint(
    sessions: Sessions, job: Job, checkpoint_id: str
) -> None:
    chore = ask(sessions, job, checkpoint_id)
    promotion = Promotion.model_validate(chore.request)
    assert (promotion.job_id, promotion.tokenizer) == (job.id, None)
    assert promotion.asked.document.dataset == job.dataset_id
    done = promote(sessions)
    with sessions.reading() as session:
        artifact = lifecycle.promoted(session, done)
        owners = session.scalars(select(Reference.owner_id)).all()
    assert artifact is not None
    assert (artifact.job_id, artifact.attempt, artifact.kind) == (job.id, 1, "checkpoint")
    assert artifact.id in owners
    assert chore.id not in owners


def test_asked_again_it_is_the_same_promotion_until_its_artifact_is_gone(
    sessions: Sessions, job: Job, checkpoint_id: str
) -> None:
    first = ask(sessions, job, checkpoint_id)
    assert ask(sessions, job, checkpoint_id).id == first.id
    promote(sessions)
    assert ask(sessions, job, checkpoint_id).id == first.id
    with sessions.writing() as session:
        session.delete(session.scalars(select(Artifact)).one())
    assert ask(sessions, job, checkpoint_id).id != first.id


def test_one_that_failed_is_tried_again_when_it_is_asked_for_again(
    sessions: Sessions, job: Job, checkpoint_id: str
) -> None:
    first = ask(sessions, job, checkpoint_id)
    with sessions.writing() as session:
        failed = Failed(code="checkpoint_damaged", error_class="data", message="m")
        claim = lifecycle.claim_chore(session, worker="w", lease_s=60)
        assert claim is not None
        lifecycle.reject(session, claim.hold, failed)
    assert ask(sessions, job, checkpoint_id).id != first.id


def test_the_bytes_stay_until_the_chore_is_over_though_newer_checkpoints_came(
    sessions: Sessions, job: Job, hold: Hold, checkpoint_id: str
) -> None:
    chore = ask(sessions, job, checkpoint_id)
    for step in (8, 9):
        with sessions.writing() as session:
            lifecycle.record(session, hold, checkpoint(session, step=step))
    sha256 = Promotion.model_validate(chore.request).checkpoint
    with sessions.reading() as session:
        assert checkpoint_id not in [one.id for one in queries.checkpoints(session, job.id)]
        assert session.get(Reference, (chore.id, sha256)) is not None
    assert ask(sessions, job, checkpoint_id).id == chore.id
    assert promote(sessions).status == "done"
    assert ask(sessions, job, checkpoint_id).id == chore.id


def test_a_job_that_was_deleted_meanwhile_gets_no_artifact(
    sessions: Sessions, job: Job, hold: Hold, checkpoint_id: str
) -> None:
    ask(sessions, job, checkpoint_id)
    with sessions.writing() as session:
        lifecycle.succeed(session, hold, finished=finished(), artifacts=[])
        lifecycle.delete_job(session, job.project_id, job.id)
    chore = promote(sessions)
    assert chore.status == "failed"
    assert chore.error is not None
    assert chore.error["code"] == "job_deleted"
    with sessions.reading() as session:
        assert session.scalars(select(Artifact)).all() == []


def test_a_worker_that_lost_the_chore_writes_no_artifact(
    sessions: Sessions, job: Job, checkpoint_id: str
) -> None:
    ask(sessions, job, checkpoint_id)
    lost = taken(sessions).hold
    with sessions.writing() as session:
        session.execute(update(Chore).values(lease_expires_at=clock() - 1))
        lifecycle.sweep.expire(session)
    with sessions.writing() as session:
        kept = KeptArtifact("checkpoint", "zip", "s.zip", "application/zip", kept_blob(session, "late"), 4)
    with pytest.raises(HoldLost), sessions.writing() as session:
        lifecycle.finish_promotion(session, lost, kept)
    with sessions.reading() as session:
        assert session.scalars(select(Artifact)).all() == []


def test_another_project_has_no_such_checkpoint(
    sessions: Sessions, job: Job, checkpoint_id: str, other_project_id: str
) -> None:
    with pytest.raises(NotFound), sessions.writing() as session:
        lifecycle.add_promotion(session, project_id=other_project_id, checkpoint_id=checkpoint_id)
