"""The report, in each form that there is."""

import pytest
from starlette.testclient import TestClient

from tests.api.seeds import REPORT, World


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is asked here is asked of the API, not of a database."""
    return sqlite_url


@pytest.mark.parametrize(
    ("suffix", "accept"),
    [
        (".json", None),
        ("", None),
        ("", "*/*"),
        ("", "application/json"),
        ("", "text/*;q=0.5, application/*"),
    ],
)
def test_the_report_is_json_unless_something_else_is_asked_for(
    client: TestClient, world: World, suffix: str, accept: str | None
):
    headers = {"Accept": accept} if accept else {}
    answer = client.get(f"/v1/jobs/{world.job_id}/report{suffix}", headers=headers)

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == REPORT


@pytest.mark.parametrize(
    ("suffix", "accept"), [(".md", None), ("", "text/markdown"), ("", "application/json;q=0.1, text/*")]
)
def test_the_report_is_markdown_where_that_is_asked_for(
    client: TestClient, world: World, suffix: str, accept: str | None
):
    headers = {"Accept": accept} if accept else {}
    answer = client.get(f"/v1/jobs/{world.job_id}/report{suffix}", headers=headers)

    assert answer.headers["Content-Type"].startswith("text/markdown")
    assert "# digits-cnn" in answer.text
    assert "**Distillation helped: the student is better than the control, beyond chance.**" in answer.text
    assert "| Gain (student - control) | 0.02 | 0.01 | 0.03 |" in answer.text
    assert "| Gap closed | the gap is noise |  |  |" in answer.text
    assert "| accuracy | 0.9 | 0.9 | 0.9 |" in answer.text


def test_words_of_the_user_stay_words(client: TestClient, world: World):
    text = client.get(f"/v1/jobs/{world.job_id}/report.md").text

    assert r"- the teacher \<may\> have \| seen test" in text


@pytest.mark.parametrize("suffix", ["html", "xml", "pdf"])
def test_a_form_that_is_not_there_is_a_404_that_names_those_that_are(
    client: TestClient, world: World, suffix: str
):
    answer = client.get(f"/v1/jobs/{world.job_id}/report.{suffix}")

    assert answer.status_code == 404
    assert "report.md" in answer.json()["detail"]


def test_a_media_type_that_is_not_there_is_a_406(client: TestClient, world: World):
    answer = client.get(f"/v1/jobs/{world.job_id}/report", headers={"Accept": "text/html"})

    assert answer.status_code == 406
    assert "text/markdown" in answer.json()["detail"]


def test_a_job_that_has_not_succeeded_has_no_report_and_says_why(client: TestClient, world: World):
    answer = client.get(f"/v1/jobs/{world.queued_job_id}/report")

    assert answer.status_code == 409
    assert "queued" in answer.json()["detail"]
