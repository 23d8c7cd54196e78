"""Which files are pulled, and that none ever leaves its folder."""

import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest

import limbeck
from limbeck import pulling
from limbeck.objects import Artifact
from tests.limbeck.service import FakeService

CONTENT = b"{}"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def artifact(kind: str, form: str, filename: str) -> Artifact:
    return {"id": f"art_{filename}", "kind": kind, "format": form, "filename": filename, "sha256": SHA256}


LEFT = [
    artifact("student", "safetensors", "student.safetensors"),
    artifact("student", "json", "config.json"),
    artifact("export", "onnx", "student.onnx"),
    artifact("export", "huggingface", "huggingface/config.json"),
    artifact("report", "json", "report.json"),
    artifact("student", "json", "tokenizer.json"),
    artifact("card", "markdown", "README.md"),
    artifact("manifest", "json", "manifest.json"),
]
BESIDE = {"manifest.json", "README.md", "tokenizer.json"}


def pulled(tmp_path: Path, **options: Any) -> set[str]:
    listed = httpx.Response(200, json={"data": LEFT, "has_more": False})
    service = FakeService(listed, *(httpx.Response(200, content=CONTENT) for _ in LEFT))
    service.client().jobs.pull("job_1", tmp_path, **options)
    return {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_file_in_a_folder_comes_into_that_folder(tmp_path: Path) -> None:
    assert pulled(tmp_path) == {entry["filename"] for entry in LEFT}


@pytest.mark.parametrize(
    ("form", "files"),
    [
        ("onnx", {"student.onnx"}),
        ("huggingface", {"huggingface/config.json"}),
        ("safetensors", {"student.safetensors", "config.json"}),
    ],
)
def test_one_format_comes_with_what_belongs_beside_it_and_nothing_else(
    tmp_path: Path, form: str, files: set[str]
) -> None:
    assert pulled(tmp_path, form=form) == files | BESIDE


def test_a_format_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(
        limbeck.LimbeckError, match="no 'onnx-int8'; there is: huggingface, onnx, safetensors"
    ):
        pulling.of_format(LEFT, "onnx-int8")
    with pytest.raises(limbeck.LimbeckError, match="there is: no student"):
        pulling.of_format(LEFT[-2:], "onnx")


@pytest.mark.parametrize(
    "filename",
    [
        "",
        ".",
        "..",
        "../x",
        "x/..",
        "x/../y",
        "./x",
        "/etc/passwd",
        "//x",
        "x/",
        "a/b/c",
        "..\\x",
        "C:x",
        "a\0b",
        "a\nb",
        "\x1b[2J",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_fetched(
    tmp_path: Path, filename: str
) -> None:
    listed = [artifact("report", "json", "report.json"), artifact("student", "json", filename)]
    service = FakeService(httpx.Response(200, json={"data": listed, "has_more": False}))
    with pytest.raises(limbeck.LimbeckError, match="no plain file name"):
        service.client().jobs.pull("job_1", tmp_path / "student")
    assert len(service.requests) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_link_out_of_the_place_is_not_followed(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "student"
    outside.mkdir()
    folder.mkdir()
    (folder / "huggingface").symlink_to(outside)
    with pytest.raises(limbeck.LimbeckError, match="leads out of"):
        pulling.place(folder, "huggingface/config.json")


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "student").symlink_to(tmp_path / "real")
    assert pulled(tmp_path / "student") == {entry["filename"] for entry in LEFT}
