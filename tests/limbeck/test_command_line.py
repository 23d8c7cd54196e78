"""What the command line says before any service is asked, and where it lets a user down gently."""

import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from limbeck import cli, doctor
from limbeck.cli import inputs
from limbeck.document import DocumentUnreadable


def left(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of `limbeck ARGUMENTS`."""
    monkeypatch.setattr(sys, "argv", ["limbeck", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(str(ended.value.code or 0))


def test_fields_reach_into_sections_and_read_as_a_job_document_does() -> None:
    fields = ["input.shape=[1, 8, 8]", "labels=[on, off]", "preprocessing.scale=1e-3"]

    assert inputs._declared({"task": "t", "labels": None}, fields) == {
        "task": "t",
        "input": {"shape": [1, 8, 8]},
        "labels": ["on", "off"],
        "preprocessing": {"scale": 0.001},
    }


@pytest.mark.parametrize(
    ("label", "text", "columns"),
    [
        ([], None, None),
        (["species"], None, {"label": "species"}),
        (["beach", "sunset"], None, {"label": ["beach", "sunset"]}),
        (["tag"], "words", {"label": "tag", "text": "words"}),
    ],
)
def test_a_label_may_have_a_column_or_several(
    label: list[str], text: str | None, columns: dict[str, Any] | None
) -> None:
    assert inputs._columns(label, text) == columns


@pytest.mark.parametrize("fields", [["x"], ["=1"], ["a..b=1"], ["input=5", "input.shape=[8]"]])
def test_a_field_that_cannot_be_set_is_a_sentence(fields: list[str]) -> None:
    with pytest.raises(DocumentUnreadable, match="--set"):
        inputs._declared({}, fields)


@pytest.mark.parametrize("field", ["name=x", "file_id=file_x"])
def test_what_is_an_argument_is_not_set_again(field: str) -> None:
    with pytest.raises(typer.BadParameter, match="arguments already"):
        inputs._declared({}, [field])


def test_nothing_is_sent_before_the_fields_are_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIMBECK_URL", "no address")
    (tmp_path / "a.csv").write_text("a")

    assert left(monkeypatch, "dataset", "add", "d", str(tmp_path / "a.csv"), "--set", "x") == 2
    assert "--set takes path.to.key=value, not 'x'" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: object, **more: object) -> None:
        raise OSError(28, "No space left on device", "student.safetensors")

    monkeypatch.setattr("limbeck.cli.jobs.Client", full)

    assert left(monkeypatch, "get", "job_1") == 2
    assert capsys.readouterr().err == "limbeck: student.safetensors: No space left on device\n"


@pytest.mark.parametrize("command", [["run"], ["pull"], ["logs"], ["model", "add"], ["dataset", "add"]])
def test_help_shows_how_it_is_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert left(monkeypatch, *command, "--help") == 0
    assert f"limbeck {' '.join(command)} " in capsys.readouterr().out.split("Options")[0].split("\n", 3)[3]


@pytest.mark.parametrize(("url", "key"), [("no address", "lmb_key"), ("http://127.0.0.1:9", "k\u00e9y")])
def test_doctor_survives_an_address_or_a_key_that_cannot_be(
    monkeypatch: pytest.MonkeyPatch, url: str, key: str
) -> None:
    monkeypatch.setenv("LIMBECK_URL", url)
    monkeypatch.setenv("LIMBECK_API_KEY", key)

    (finding,) = doctor._service(Path())

    assert (finding.about, finding.verdict) == ("service", doctor.Verdict.FAIL)
