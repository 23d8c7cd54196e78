"""Downloads: ranges, validators and digests."""

import hashlib
from base64 import b64decode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from ledger.files import Store
from tests.api.seeds import CONTENT, World


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is asked here is asked of the API, not of a database."""
    return sqlite_url


@pytest.fixture(params=["files/{file_id}", "artifacts/{artifact_id}", "datasets/{dataset_id}/splits/test"])
def address(request: pytest.FixtureRequest, world: World) -> str:
    return f"/v1/{request.param.format_map(vars(world))}/content"


def test_the_whole_comes_with_all_that_proves_it(client: TestClient, address: str):
    answer = client.get(address)

    sha256 = hashlib.sha256(CONTENT)
    assert answer.status_code == 200
    assert answer.content == CONTENT
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert answer.headers["ETag"] == f'"{sha256.hexdigest()}"'
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    digest = answer.headers["Repr-Digest"].removeprefix("sha-256=:").removesuffix(":")
    assert b64decode(digest) == sha256.digest()


def test_head_says_the_same_without_the_bytes(client: TestClient, address: str):
    whole, head = client.get(address), client.head(address)

    assert head.status_code == 200
    assert head.content == b""
    for name in ("Content-Length", "Content-Type", "ETag", "Repr-Digest", "Accept-Ranges"):
        assert head.headers[name] == whole.headers[name]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.integers(0, 1200) | st.none(), last=st.integers(0, 1200) | st.none())
def test_any_range_is_the_naive_slice(client: TestClient, world: World, first: int | None, last: int | None):
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    if first is None:
        expected = CONTENT[-last:] if last else b""
    else:
        expected = CONTENT[first:] if last is None else CONTENT[first : last + 1]
    malformed = (first is None and last is None) or (None not in (first, last) and last < first)

    answer = client.get(f"/v1/artifacts/{world.artifact_id}/content", headers={"Range": header})

    if malformed:
        assert (answer.status_code, answer.content) == (200, CONTENT)
    elif expected:
        assert (answer.status_code, answer.content) == (206, expected)
        assert answer.headers["Content-Length"] == str(len(expected))
        assert answer.headers["Content-Range"].endswith(f"/{len(CONTENT)}")
    else:
        assert answer.status_code == 416
        assert answer.headers["Content-Range"] == f"bytes */{len(CONTENT)}"
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_what_the_caller_has_already_is_not_sent_again(client: TestClient, address: str):
    etag = client.get(address).headers["ETag"]

    for header in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        answer = client.get(address, headers={"If-None-Match": header})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["ETag"] == etag
    assert client.get(address, headers={"If-None-Match": '"x"'}).status_code == 200


def test_a_range_of_something_else_is_answered_with_the_whole(client: TestClient, address: str):
    etag = client.get(address).headers["ETag"]

    same = client.get(address, headers={"Range": "bytes=0-4", "If-Range": etag})
    other = client.get(address, headers={"Range": "bytes=0-4", "If-Range": '"x"'})
    dated = client.get(address, headers={"Range": "bytes=0-4", "If-Range": "Tue, 24 Nov 2026 07:00:00 GMT"})

    assert (same.status_code, same.content) == (206, CONTENT[:5])
    assert (other.status_code, other.content) == (200, CONTENT)
    assert (dated.status_code, dated.content) == (200, CONTENT)


def test_a_download_goes_on_where_it_broke(client: TestClient, address: str):
    parts = [
        client.get(address, headers={"Range": f"bytes={start}-{start + 299}"}).content
        for start in range(0, len(CONTENT), 300)
    ]

    assert b"".join(parts) == CONTENT


def test_a_file_name_in_any_script_survives_and_cannot_break_the_header(client: TestClient):
    name = 'lehrer-größe "1";x.pt'
    file_id = client.post("/v1/files", params={"filename": name}, content=b"x").json()["id"]

    header = client.get(f"/v1/files/{file_id}/content").headers["Content-Disposition"]

    assert header == (
        'attachment; filename="lehrer-gr__e _1_;x.pt"; '
        "filename*=UTF-8''lehrer-gr%C3%B6%C3%9Fe%20%221%22%3Bx.pt"
    )


def test_bytes_that_the_store_lost_are_a_503_and_not_a_broken_stream(
    client: TestClient, world: World, store: Store
):
    store.delete(hashlib.sha256(CONTENT).hexdigest())

    answer = client.get(f"/v1/artifacts/{world.artifact_id}/content")

    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")


def test_a_split_is_named_after_its_dataset(client: TestClient, world: World):
    answer = client.get(f"/v1/datasets/{world.dataset_id}/splits/test/content")

    assert answer.headers["Content-Type"] == "application/vnd.apache.parquet"
    assert 'filename="digits-v1-test.parquet"' in answer.headers["Content-Disposition"]
    assert client.get(f"/v1/datasets/{world.dataset_id}/splits/nope/content").status_code == 422
