import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import limbeck
from limbeck.objects import Artifact
from tests.limbeck.service import FakeService

CONTENT = bytes(range(256)) * 9000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ARTIFACT: Artifact = {"id": "art_1", "kind": "student", "filename": "student.safetensors", "sha256": SHA256}


def stored(request: httpx.Request) -> httpx.Response:
    return httpx.Response(201, json={"id": "file_1", "sha256": hashlib.sha256(request.content).hexdigest()})


def test_an_upload_is_streamed_and_its_answer_checked(tmp_path: Path) -> None:
    source = tmp_path / "teacher.pt"
    source.write_bytes(CONTENT)
    moved: list[int] = []
    service = FakeService(stored)

    file = service.client().files.upload(source, purpose="model", moved=moved.append)

    assert file["sha256"] == SHA256
    (request,) = service.requests
    assert request.content == CONTENT
    assert request.headers["Content-Length"] == str(len(CONTENT))
    assert dict(request.url.params) == {"filename": "teacher.pt", "purpose": "model"}
    assert sum(moved) == len(CONTENT)
    assert len(moved) > 1


def test_an_upload_that_broke_off_is_sent_again_from_the_start(tmp_path: Path) -> None:
    source = tmp_path / "teacher.pt"
    source.write_bytes(CONTENT)
    service = FakeService(httpx.WriteError("cut"), stored)

    service.client().files.upload(source)

    first, second = service.requests
    assert first.content == second.content == CONTENT
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]


def test_an_upload_that_arrived_as_other_bytes_is_no_upload(tmp_path: Path) -> None:
    source = tmp_path / "teacher.pt"
    source.write_bytes(CONTENT)
    service = FakeService(httpx.Response(201, json={"id": "file_1", "sha256": "0" * 64}))

    with pytest.raises(limbeck.Corrupted, match="arrived with other bytes"):
        service.client().files.upload(source)


def breaks_after(count: int) -> Iterator[bytes]:
    yield CONTENT[:count]
    raise httpx.ReadError("cut")


def test_a_download_that_broke_off_goes_on_where_it_broke(tmp_path: Path) -> None:
    broken = httpx.Response(200, content=breaks_after(1_000_000), headers={"ETag": f'"{SHA256}"'})
    rest = httpx.Response(206, content=CONTENT[1_000_000:], headers={"ETag": f'"{SHA256}"'})
    service = FakeService(broken, rest)

    service.client().artifacts.download(ARTIFACT, tmp_path / "student.safetensors")

    assert (tmp_path / "student.safetensors").read_bytes() == CONTENT
    assert service.requests[1].headers["Range"] == "bytes=1000000-"
    assert service.requests[1].headers["If-Range"] == f'"{SHA256}"'


def test_a_file_that_changed_under_a_download_is_refused(tmp_path: Path) -> None:
    broken = httpx.Response(200, content=breaks_after(1_000_000), headers={"ETag": '"old"'})
    service = FakeService(broken, httpx.Response(200, content=CONTENT))

    with pytest.raises(limbeck.Corrupted, match="changed while it was read"):
        service.client().artifacts.download(ARTIFACT, tmp_path / "student.safetensors")


def test_damaged_bytes_leave_no_file_behind(tmp_path: Path) -> None:
    service = FakeService(httpx.Response(200, content=CONTENT[:-1] + b"!"))

    with pytest.raises(limbeck.Corrupted, match=f"not {SHA256}"):
        service.client().artifacts.download(ARTIFACT, tmp_path / "student.safetensors")

    assert list(tmp_path.iterdir()) == []


def test_a_split_is_checked_by_the_digest_that_its_answer_promises(tmp_path: Path) -> None:
    digest = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    service = FakeService(
        httpx.Response(200, content=CONTENT, headers={"Repr-Digest": f"sha-256=:{digest}:"})
    )

    with pytest.raises(limbeck.Corrupted):
        service.client().datasets.download_split("dst_1", "test", tmp_path / "test.parquet")


def test_a_file_name_from_the_service_cannot_leave_the_folder(tmp_path: Path) -> None:
    wicked = {**ARTIFACT, "filename": "../../.profile"}
    service = FakeService(httpx.Response(200, json={"data": [wicked], "has_more": False}))

    with pytest.raises(limbeck.LimbeckError, match="no plain file name"):
        service.client().jobs.pull("job_1", tmp_path / "student")

    assert len(service.requests) == 1
