"""Every command in the documentation, run as it is written, against a service that `limbeck up` started."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from limbeck import Client

ROOT = Path(__file__).parent.parent.parent
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NAMED = re.compile(r"\A# (\w+\.py)\n")
WITHIN_S = 240


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """`{url, key}` of a service of this module's own."""
    home = tmp_path_factory.mktemp("docs") / "home"
    limbeck = Path(sys.prefix) / "bin" / "limbeck"
    process = subprocess.Popen(
        [limbeck, "up", "--home", home, "--port", "0", "-o", "json"],
        stdout=subprocess.PIPE,
        env={**os.environ, "LIMBECK_THREADS": "1"},  # tests run side by side
        text=True,
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder to work in that has what the commands expect of a checkout: its `.venv`."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


@pytest.mark.timeout(WITHIN_S + 60)
@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("README.md", "Distillation"),
        ("docs/run-a-job.md", "event: state"),
        ("docs/command-line.md", "student-cli"),
        ("docs/upload-a-teacher.md", "succeeded"),
        ("docs/registry.md", "digits-student v1"),
        ("docs/gates.md", "gate ended with 3"),
    ],
)
def test_a_page_does_what_it_says(page: str, told: str, service: dict[str, str], checkout: Path) -> None:
    said = _follow(page, service, checkout)

    assert told in said


@pytest.mark.timeout(WITHIN_S + 60)
def test_every_figure_can_be_computed_again_from_two_downloads(
    service: dict[str, str], checkout: Path
) -> None:
    with Client(service["url"], service["key"]) as client:
        job = _finished_job(client)

        said = _follow("docs/reproduce.md", service, checkout, job=job["id"])

    result = job["result"]
    found = [line.split() for line in said.splitlines()]
    networks = {
        words[0]: list(map(float, words[1:]))
        for words in found
        if words[:1] in (["teacher"], ["student"], ["control"])
    }
    names = ("accuracy", "balanced_accuracy", "macro_f1", "loss", "ece")
    assert networks == {
        who: pytest.approx([result[who][name] for name in names], abs=1e-6)
        for who in ("teacher", "student", "control")
    }
    told = dict(zip(*[iter(said.splitlines()[-1].split())] * 2, strict=True))
    for name in ("agreement", "kl_divergence"):
        assert float(told[name]) == pytest.approx(result[name], abs=1e-6)
    for name in ("retention", "gain", "gap_closed"):
        if result[name]["value"] is not None:
            assert float(told[name]) == pytest.approx(result[name]["value"], abs=1e-6)


@pytest.mark.timeout(WITHIN_S + 60)
def test_a_pulled_folder_is_verified_as_the_page_says(service: dict[str, str], checkout: Path) -> None:
    with Client(service["url"], service["key"]) as client:
        job = _finished_job(client)

    said = _follow("docs/verify.md", service, checkout, job=str(job["id"]))

    assert f"verified: student is what job {job['id']}" in said
    assert "NOT verified: student.safetensors is changed\nexit code 3\n" in said
    assert '"holds": true' in said


def _finished_job(client: Client) -> dict[str, object]:
    """A job with a control that has succeeded: one of another page's, or one of our own."""
    for job in client.jobs.list(status="succeeded"):
        if job["result"]["control"] is not None:
            return client.jobs.get(job["id"])
    document = _document((ROOT / "README.md").read_text())
    dataset = client.datasets.create(name="digits", builtin="digits", task="image-classification")
    client.datasets.wait(dataset["id"], timeout=WITHIN_S)
    job = client.jobs.submit(document)
    return client.jobs.wait(job["id"], timeout=WITHIN_S)


def _document(page: str) -> dict[str, object]:
    found = re.search(r"job\.json <<'END'\n(.*?)^END$", page, re.DOTALL | re.MULTILINE)
    assert found is not None
    document: dict[str, object] = json.loads(found[1])
    return document


def _follow(page: str, service: dict[str, str], folder: Path, **variables: str) -> str:
    """What the shell blocks of a page print when one shell runs them all; Python blocks are its files."""
    script = ["set -eu"]
    for language, block in BLOCK.findall((ROOT / page).read_text()):
        if language == "python":
            name = NAMED.match(block)
            assert name is not None, "a Python block begins with the name of its file"
            (folder / name[1]).write_text(block)
        else:
            script += [line for line in block.splitlines() if not line.startswith("make ")]
    ran = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LIMBECK_URL": service["url"],
            "LIMBECK_API_KEY": service["key"],
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    return ran.stdout
