"""What tests of the ledger begin with: a job, a hold on it, an upload, a model in two versions."""

import pytest

from ledger import uploads
from ledger.database import Sessions
from ledger.lifecycle import Hold
from ledger.tables import File, Job, Model
from tests.ledger.builders import a_dataset, a_model, claimed, kept_blob, submitted


@pytest.fixture
def job(sessions: Sessions, project_id: str) -> Job:
    with sessions.writing() as session:
        a_dataset(session, project_id)
        return submitted(session, project_id)


@pytest.fixture
def hold(sessions: Sessions, job: Job) -> Hold:
    with sessions.writing() as session:
        return claimed(session).hold


@pytest.fixture
def file(sessions: Sessions, project_id: str) -> File:
    with sessions.writing() as session:
        return uploads.add_file(
            session,
            project_id=project_id,
            filename="teacher.pt",
            purpose="model",
            sha256=kept_blob(session, "upload"),
            size=6,
        )


@pytest.fixture
def two_versions(sessions: Sessions, project_id: str) -> list[Model]:
    with sessions.writing() as session:
        a_dataset(session, project_id)
        return [a_model(session, project_id, name="s", version=version) for version in (1, 2)]
