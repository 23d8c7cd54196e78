"""The command line against a real service: what it prints, and the exit code that it leaves."""

import hashlib
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from tests.acceptance.launched import JOB, LIMBECK, WITHIN_S, Launched, long_job

pytestmark = [pytest.mark.xdist_group("up"), pytest.mark.timeout(300)]


class Shell:
    """Runs `limbeck` in a folder, against one service."""

    def __init__(self, service: Launched, folder: Path) -> None:
        self.service = service
        self.folder = folder

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*LIMBECK, *arguments],
            cwd=self.folder,
            env=self.service.environment() | environment,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
        )

    def start(self, *arguments: str) -> psutil.Popen:
        return psutil.Popen(
            [*LIMBECK, *arguments],
            cwd=self.folder,
            env=self.service.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def write(self, document: dict[str, Any]) -> str:
        (self.folder / "job.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
        return "job.yaml"


@pytest.fixture
def limbeck(standing: Launched, tmp_path: Path) -> Shell:
    return Shell(standing, tmp_path)


@pytest.fixture(scope="module")
def finished(standing: Launched) -> str:
    """The id of a job that succeeded."""
    with standing.client() as client:
        job = client.jobs.wait(client.jobs.submit(JOB)["id"], timeout=WITHIN_S)
    assert job["status"] == "succeeded", job["error"]
    return job["id"]


def test_run_and_wait_prints_the_figures_and_passes(limbeck: Shell) -> None:
    done = limbeck("run", "-f", limbeck.write(JOB), "--wait", "--set", "metadata.commit=abc123")

    assert done.returncode == 0, done.stderr
    assert "distillation" in done.stdout
    assert done.stderr.rstrip().endswith("succeeded")


def test_json_is_all_that_standard_output_gets(limbeck: Shell, finished: str) -> None:
    for command in (["get", finished], ["ls", "--name", "digits"], ["dataset", "get", "digits"]):
        done = limbeck(*command, "-o", "json")
        assert done.returncode == 0, done.stderr
        json.loads(done.stdout)
    assert json.loads(limbeck("-o", "json", "get", finished).stdout)["id"] == finished


def test_pull_brings_every_artifact_whole(limbeck: Shell, finished: str) -> None:
    done = limbeck("pull", finished, "-o", "student", "-o", "json")

    assert done.returncode == 0, done.stderr
    artifacts = json.loads(done.stdout)["artifacts"]
    assert {"student.safetensors", "load.py", "report.json"} <= {found["filename"] for found in artifacts}
    for artifact in artifacts:
        content = (limbeck.folder / "student" / artifact["filename"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == artifact["sha256"]


def test_a_pulled_folder_is_verified_without_the_service_and_a_changed_one_is_3(
    limbeck: Shell, finished: str
) -> None:
    assert limbeck("pull", finished, "-o", "student").returncode == 0
    away = {"LIMBECK_URL": "http://127.0.0.1:9", "LIMBECK_API_KEY": "none"}

    done = limbeck("verify", "student", **away)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"student is what job {finished} (digits) left" in done.stdout
    manifest = json.loads((limbeck.folder / "student" / "manifest.json").read_bytes())
    assert manifest["inputs"]["dataset"]["builtin"] == "digits"
    assert {"README.md", "student.safetensors"} <= {entry["filename"] for entry in manifest["artifacts"]}
    with limbeck.service.client() as client:
        (key,) = client.signing_keys()
    (limbeck.folder / "service.pem").write_text(key["public_key"])
    forgetful = away | {"XDG_CONFIG_HOME": str(limbeck.folder / "nothing")}
    assert limbeck("verify", "student", "--key", "service.pem", **forgetful).returncode == 0
    assert "nobody vouched for that key here" in limbeck("verify", "student", **forgetful).stdout

    weights = limbeck.folder / "student" / "student.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    done = limbeck("verify", "student", **away)
    assert done.returncode == 3
    assert "NOT verified: student.safetensors is changed" in done.stdout


def test_report_and_logs_are_text(limbeck: Shell, finished: str) -> None:
    assert "student" in limbeck("report", finished).stdout.lower()
    assert json.loads(limbeck("report", finished, "--format", "json").stdout)
    assert "<!DOCTYPE html>" in limbeck("report", finished, "--format", "html").stdout
    assert "<testsuites" in limbeck("report", finished, "--format", "junit").stdout
    assert limbeck("logs", finished).returncode == 0
    assert limbeck("logs", finished, "-f").returncode == 0


def test_a_rejected_document_is_shown_where_it_is_wrong(limbeck: Shell) -> None:
    wrong = JOB | {"losses": [{"kind": "soft_target", "temperature": 0}], "learning_rate": 1}
    done = limbeck("run", "-f", limbeck.write(wrong))

    assert done.returncode == 2
    lines = (limbeck.folder / "job.yaml").read_text().splitlines()
    temperature = next(number for number, line in enumerate(lines, 1) if "temperature" in line)
    assert f"job.yaml:{temperature}:3: /losses/0/temperature: " in done.stderr
    assert f"job.yaml:{len(lines)}:1: /learning_rate: unknown field" in done.stderr


def test_a_dry_run_plans_and_submits_nothing(limbeck: Shell) -> None:
    done = limbeck("run", "-f", limbeck.write(JOB | {"name": "only-planned"}), "--dry-run", "-o", "json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["student"]["parameters"] > 0
    assert json.loads(limbeck("ls", "--name", "only-planned", "-o", "json").stdout) == []


def test_a_dedupe_key_finds_its_job_unless_a_fresh_one_is_asked_for(limbeck: Shell) -> None:
    limbeck.write(JOB | {"dedupe_key": "commit-abc123"})

    first, again, fresh = (
        limbeck("run", "-f", "job.yaml", *more).stdout.strip() for more in ([], [], ["--fresh"])
    )

    assert first == again != fresh
    assert fresh.startswith("job_")
    for job_id in (first, fresh):
        limbeck("cancel", job_id)


def test_a_job_that_fails_is_1(limbeck: Shell) -> None:
    limbeck.write(long_job(1_000_000) | {"limits": {"max_runtime_s": 1}})
    done = limbeck("run", "-f", "job.yaml", "--wait")

    assert done.returncode == 1
    assert "timeout" in done.stdout


def test_waiting_ends_with_5_and_a_cancelled_job_with_4(limbeck: Shell) -> None:
    limbeck.write(long_job(1_000_000))
    waited = limbeck("run", "-f", "job.yaml", "--wait", "--timeout", "1s")
    assert waited.returncode == 5, waited.stderr
    (job,) = json.loads(limbeck("ls", "--limit", "1", "-o", "json").stdout)
    assert job["status"] in ("queued", "running")
    assert limbeck("pull", job["id"]).returncode == 5

    with limbeck.service.client() as client:
        limbeck("cancel", job["id"])
        assert client.jobs.wait(job["id"], timeout=WITHIN_S)["status"] == "cancelled"
    assert limbeck("pull", job["id"]).returncode == 4


def test_ctrl_c_detaches_and_the_job_goes_on(limbeck: Shell) -> None:
    limbeck.write(long_job(1_000_000))
    run = limbeck.start("run", "-f", "job.yaml", "--wait")
    job_id = run.stderr.readline().split()[1]

    os.kill(run.pid, signal.SIGINT)
    _, said = run.communicate(timeout=WITHIN_S)

    assert run.returncode == 5
    assert f"the job goes on. See it with:  limbeck get {job_id}" in said
    with limbeck.service.client() as client:
        assert client.jobs.get(job_id)["status"] in ("queued", "running")
        client.jobs.cancel(job_id)
        client.jobs.wait(job_id, timeout=WITHIN_S)


def test_what_is_not_there_and_what_cannot_be_are_2(limbeck: Shell, finished: str) -> None:
    nothing = limbeck("get", "job_00000000000000000000000000")
    assert nothing.returncode == 2
    assert nothing.stderr.startswith("limbeck: ")

    assert limbeck("run", "-f", "nowhere.yaml").returncode == 2
    assert limbeck("run").returncode == 2
    over = limbeck("cancel", finished)
    assert over.returncode == 2
    assert "possible now: clone, delete" in over.stderr


def test_a_wrong_key_is_7(limbeck: Shell) -> None:
    done = limbeck("ls", LIMBECK_API_KEY="lmb_wrong")

    assert done.returncode == 7
    assert "LIMBECK_API_KEY" in done.stderr


def test_no_service_is_6_within_its_ten_seconds(limbeck: Shell) -> None:
    done = limbeck("ls", LIMBECK_URL="http://127.0.0.1:9")

    assert done.returncode == 6
    assert "no answer from http://127.0.0.1:9" in done.stderr


def test_doctor_finds_the_service_and_its_key(limbeck: Shell) -> None:
    done = limbeck("doctor", "--home", str(limbeck.folder), "-o", "json")

    found = {finding["about"]: finding["verdict"] for finding in json.loads(done.stdout)}
    assert done.returncode == 0, done.stdout
    assert found["service"] == found["key"] == found["torch"] == found["broker"] == "ok"


def test_a_dataset_that_is_rejected_is_2_and_says_why(limbeck: Shell) -> None:
    (limbeck.folder / "one-class.csv").write_text("a,b,label\n" + "1,2,x\n" * 30)
    done = limbeck("dataset", "add", "one-class", "one-class.csv", "--task", "tabular-classification")

    assert done.returncode == 2
    assert "rejected" in done.stdout
