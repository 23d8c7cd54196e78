"""The report, in each form that there is."""

from xml.etree import ElementTree

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
    ("suffix", "accept"),
    [(".md", None), ("", "text/markdown"), ("", "application/json;q=0.1, text/markdown;q=0.9")],
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


@pytest.mark.parametrize(
    ("suffix", "accept"), [(".html", None), ("", "text/html,application/xhtml+xml,*/*;q=0.8")]
)
def test_a_browser_gets_a_page_that_may_do_nothing(
    client: TestClient, world: World, suffix: str, accept: str | None
):
    headers = {"Accept": accept} if accept else {}
    answer = client.get(f"/v1/jobs/{world.job_id}/report{suffix}", headers=headers)

    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "<bdi>digits-cnn</bdi>" in answer.text
    assert world.job_id in answer.text


@pytest.mark.parametrize(("suffix", "accept"), [(".xml", None), ("", "application/xml")])
def test_a_pipeline_gets_cases(client: TestClient, world: World, suffix: str, accept: str | None):
    headers = {"Accept": accept} if accept else {}
    answer = client.get(f"/v1/jobs/{world.job_id}/report{suffix}", headers=headers)

    assert answer.headers["Content-Type"].startswith("application/xml")
    assert ElementTree.fromstring(answer.content).tag == "testsuites"  # our own


def test_a_form_that_is_not_there_is_a_404_that_names_those_that_are(client: TestClient, world: World):
    answer = client.get(f"/v1/jobs/{world.job_id}/report.pdf")

    assert answer.status_code == 404
    assert "report.html, report.md and report.xml" in answer.json()["detail"]


def test_a_media_type_that_is_not_there_is_a_406(client: TestClient, world: World):
    answer = client.get(f"/v1/jobs/{world.job_id}/report", headers={"Accept": "image/png"})

    assert answer.status_code == 406
    assert "text/markdown" in answer.json()["detail"]


def test_a_job_that_has_not_succeeded_has_no_report_and_says_why(client: TestClient, world: World):
    answer = client.get(f"/v1/jobs/{world.queued_job_id}/report")

    assert answer.status_code == 409
    assert "queued" in answer.json()["detail"]
