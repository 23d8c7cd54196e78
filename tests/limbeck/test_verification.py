"""Folders as `limbeck pull` leaves them, and what somebody may do to them afterwards."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.manifest import canonical
from ledger.signing import Signer
from limbeck import cli, vouched
from limbeck.cli.verifying import note_unlisted
from limbeck.verification import MANIFEST, SIGNATURE, NoManifest, Verification, verify
from limbeck.vouched import VouchedKey
from tests.limbeck.test_command_line import left
from worker.hashing import sha256_of

FILES = {
    "student.safetensors": b"weights",
    "load.py": b"print('loaded')\n",
    "huggingface/config.json": b"{}",
}


def a_signer() -> Signer:
    return Signer(Ed25519PrivateKey.generate())


def pulled(folder: Path, signer: Signer, *, job: str = "job_1", files: dict[str, bytes] = FILES) -> Path:
    """A folder with the files of a job, its manifest and its signature."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    entries = [{"filename": name, "sha256": sha256_of(folder / name)} for name in sorted(files)]
    content = canonical(
        {
            "job": {"id": job, "name": "digits"},
            "conclusion": "no_gate",
            "signature": {"key_id": signer.key_id},
            "artifacts": entries,
        }
    )
    (folder / MANIFEST).write_bytes(content)
    (folder / SIGNATURE).write_bytes(signer.sign(content))
    return folder


@pytest.fixture
def signer() -> Signer:
    return a_signer()


@pytest.fixture
def key(signer: Signer, tmp_path: Path) -> VouchedKey:
    return vouched_for(signer, tmp_path)


def vouched_for(signer: Signer, folder: Path) -> VouchedKey:
    path = folder / f"{signer.key_id}.pem"
    path.write_text(signer.public_key)
    return vouched.of_file(path)


@pytest.fixture
def folder(signer: Signer, tmp_path: Path) -> Path:
    return pulled(tmp_path / "student", signer)


def states(found: Verification) -> dict[str, str]:
    return {seen.file: seen.state for seen in found.files}


def test_a_folder_as_it_was_pulled_holds(folder: Path, key: VouchedKey) -> None:
    found = verify(folder, [key])

    assert found.holds
    assert states(found) == dict.fromkeys(FILES, "ok")
    assert found.job == {"id": "job_1", "name": "digits"}
    assert (found.key_id, found.vouched_by) == (key.id, key.by)


def test_tampered_weights_are_named(folder: Path, key: VouchedKey) -> None:
    (folder / "student.safetensors").write_bytes(b"weighty")

    found = verify(folder, [key])

    assert found.problems == ("student.safetensors is changed",)
    assert states(found) == {**dict.fromkeys(FILES, "ok"), "student.safetensors": "changed"}


def test_weights_and_manifest_changed_together_are_caught_by_the_signature(
    folder: Path, key: VouchedKey
) -> None:
    (folder / "student.safetensors").write_bytes(b"weighty")
    told = json.loads((folder / MANIFEST).read_bytes())
    for entry in told["artifacts"]:
        entry["sha256"] = sha256_of(folder / entry["filename"])
    (folder / MANIFEST).write_bytes(canonical(told))

    found = verify(folder, [key])

    assert set(states(found).values()) == {"ok"}
    (problem,) = found.problems
    assert "manifest.json or manifest.json.sig was changed" in problem


@pytest.mark.parametrize("changed", [b"\n", b" ", b"\xff"])
def test_one_more_byte_of_the_manifest_is_enough(folder: Path, key: VouchedKey, changed: bytes) -> None:
    (folder / MANIFEST).write_bytes((folder / MANIFEST).read_bytes() + changed)
    assert not verify(folder, [key]).holds


def test_a_signature_from_elsewhere_is_none(
    folder: Path, key: VouchedKey, signer: Signer, tmp_path: Path
) -> None:
    other = pulled(tmp_path / "other", signer, job="job_2", files={"student.safetensors": b"other"})
    shutil.copy(other / SIGNATURE, folder / SIGNATURE)

    found = verify(folder, [key])

    assert not found.holds
    assert found.vouched_by is None


def test_what_is_no_signature_at_all_is_none(folder: Path, key: VouchedKey) -> None:
    (folder / SIGNATURE).write_bytes(b"signed, the service")
    assert not verify(folder, [key]).holds
    (folder / SIGNATURE).unlink()
    assert "nobody answers for the manifest" in verify(folder, [key]).problems[0]


def test_the_manifest_of_another_job_does_not_cover_these_files(
    folder: Path, key: VouchedKey, signer: Signer, tmp_path: Path
) -> None:
    changed = {"student.safetensors": b"another", "report.json": b"{}"}
    other = pulled(tmp_path / "other", signer, job="job_2", files=changed)
    for name in (MANIFEST, SIGNATURE):
        shutil.copy(other / name, folder / name)

    found = verify(folder, [key])

    assert found.vouched_by == key.by
    assert states(found) == {
        "huggingface/config.json": "unlisted",
        "load.py": "unlisted",
        "report.json": "missing",
        "student.safetensors": "changed",
    }


def test_a_missing_file_and_a_file_too_many_are_named(folder: Path, key: VouchedKey) -> None:
    (folder / "load.py").unlink()
    (folder / "huggingface" / "modeling.py").write_text("import os")

    found = verify(folder, [key])

    assert set(found.problems) == {"load.py is missing", "huggingface/modeling.py is unlisted"}


def test_a_link_that_leads_nowhere_is_no_file(folder: Path, key: VouchedKey) -> None:
    (folder / "load.py").unlink()
    (folder / "load.py").symlink_to("nowhere")
    assert verify(folder, [key]).problems == ("load.py is changed",)


def test_a_part_of_the_files_is_enough_where_that_is_meant(folder: Path, key: VouchedKey) -> None:
    (folder / "load.py").unlink()
    assert states(verify(folder, [key], partial=True))["load.py"] == "not here"
    assert verify(folder, [key], partial=True).holds

    (folder / "student.safetensors").unlink()
    shutil.rmtree(folder / "huggingface")
    assert verify(folder, [key], partial=True).problems == (
        "none of the files that the manifest lists is here",
    )


def test_files_that_came_after_the_signature_are_told_at_the_pull(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [*FILES, MANIFEST, SIGNATURE, "student-step-12.zip"]
    note_unlisted(folder, [{"filename": name} for name in names])
    assert capsys.readouterr().err.startswith("student-step-12.zip: made after the job had ended")
    note_unlisted(folder, [{"filename": name} for name in names[:-1]])
    note_unlisted(folder.parent, [{"filename": "student.pt"}])
    assert capsys.readouterr().err == ""


def test_who_pulled_a_part_is_told_how_to_say_so(folder: Path, key: VouchedKey) -> None:
    (folder / "load.py").unlink()
    assert str(verify(folder, [key])).endswith("say --partial.")
    (folder / "student.safetensors").write_bytes(b"weighty")
    assert "--partial" not in str(verify(folder, [key]))


def test_a_key_that_nobody_vouched_for_is_said(folder: Path, tmp_path: Path, signer: Signer) -> None:
    for keys in ([], [vouched_for(a_signer(), tmp_path)]):
        (problem,) = verify(folder, keys).problems
        assert f"the key {signer.key_id} signed it, and nobody vouched for that key here" in problem


def test_an_old_key_still_vouches_for_what_it_signed(folder: Path, key: VouchedKey, tmp_path: Path) -> None:
    assert verify(folder, [vouched_for(a_signer(), tmp_path), key]).holds


def test_a_folder_without_a_manifest_is_told_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(NoManifest, match="limbeck pull"):
        verify(tmp_path, [])
    with pytest.raises(NoManifest):
        verify(tmp_path / "nowhere", [])


@pytest.mark.parametrize(
    "told",
    [
        [],
        {"artifacts": {"load.py": "x"}},
        {"artifacts": [{"filename": "../student/load.py", "sha256": "x"}]},
        {"artifacts": [{"filename": "/etc/passwd", "sha256": "x"}]},
        {"artifacts": None, "job": []},
    ],
)
def test_what_is_signed_and_no_manifest_is_none(
    folder: Path, key: VouchedKey, signer: Signer, told: Any
) -> None:
    content = canonical(told)
    (folder / MANIFEST).write_bytes(content)
    (folder / SIGNATURE).write_bytes(signer.sign(content))
    assert verify(folder, [key]).problems == ("manifest.json is no manifest of a job",)


def test_the_exit_code_is_0_3_or_2_and_the_output_a_line_a_file(
    folder: Path,
    key: VouchedKey,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pem = str(tmp_path / f"{key.id}.pem")
    monkeypatch.setattr(sys, "argv", ["limbeck", "verify", str(folder), "--key", pem])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["ok", name] for name in sorted(FILES)]
    assert "is what job job_1 (digits) left" in last

    (folder / "load.py").write_text("import evil")
    assert left(monkeypatch, "verify", str(folder), "--key", pem, "-o", "json") == 3
    said = json.loads(capsys.readouterr().out)
    assert (said["holds"], said["problems"]) == (False, ["load.py is changed"])
    assert left(monkeypatch, "verify", str(tmp_path / "nowhere"), "--key", pem) == 2


def test_openssl_agrees(folder: Path, key: VouchedKey, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl on this machine")
    ask = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(tmp_path / f"{key.id}.pem"), "-rawin"]
    ask += ["-in", str(folder / MANIFEST), "-sigfile", str(folder / SIGNATURE)]
    assert subprocess.run(ask, capture_output=True).returncode == 0
    (folder / MANIFEST).write_bytes(b"{}")
    assert subprocess.run(ask, capture_output=True).returncode != 0
