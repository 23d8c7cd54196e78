"""A student leaves: files that were proved, gates, an alias, a page, a signed folder; by real processes."""

import io
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import pytest
from PIL import Image

from limbeck import Client
from limbeck.objects import Job
from tests.acceptance.launched import JOB, LIMBECK, TRAINING, WITHIN_S, Launched

pytestmark = [pytest.mark.xdist_group("up"), pytest.mark.timeout(300)]

LEAVING: dict[str, Any] = {
    **JOB,
    "name": "leaving",
    "labels": {"fraction": 1.0},
    "student": {"architecture": "cnn", "config": {"depth": 3, "width": 16}},
    "training": {**TRAINING, "epochs": 8},
    "exports": ["onnx", {"format": "onnx-int8", "max_drop": 0.5}],
    "gates": [
        {"metric": "accuracy", "relative_to": "teacher", "min": 0.5},
        {"metric": "size_bytes", "on": "export:onnx-int8", "max": 1_000_000},
        {"metric": "latency_ms.p95", "on": "export:onnx", "max": 1000},
    ],
    "output": {"name": "leaver", "alias": "candidate"},
}


@pytest.fixture(scope="module")
def client(standing: Launched) -> Iterator[Client]:
    with standing.client() as client:
        yield client


@pytest.fixture(scope="module")
def job(client: Client) -> Job:
    job = client.jobs.wait(client.jobs.submit(LEAVING)["id"], timeout=WITHIN_S)
    assert job["status"] == "succeeded", job["error"]
    return job


@pytest.fixture(scope="module")
def folder(job: Job, standing: Launched, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `limbeck pull` brings of the alias."""
    folder = tmp_path_factory.mktemp("pulled") / "student"
    assert limbeck(standing, "pull", "leaver@candidate", "-o", str(folder)).returncode == 0
    return folder


def limbeck(standing: Launched, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*LIMBECK, *words], env=standing.environment(), capture_output=True, text=True)


def test_every_export_was_proved_and_every_gate_was_judged(job: Job) -> None:
    result = job["result"]
    assert result is not None
    assert job["conclusion"] == "passed"
    assert {form: entry["status"] for form, entry in result["exports"].items()} == {
        "safetensors": "verified",
        "onnx": "verified",
        "onnx-int8": "verified",
    }
    assert result["exports"]["onnx-int8"]["size_bytes"] < result["exports"]["onnx"]["size_bytes"]
    assert result["exports"]["onnx"]["top1_match"] >= 0.999
    assert [gate["verdict"] for gate in result["gates"]] == ["passed"] * 3


def test_the_downloaded_graph_gives_the_accuracy_that_was_reported(
    client: Client, job: Job, folder: Path, tmp_path: Path
) -> None:
    client.datasets.download_split(job["resolved_spec"]["dataset"], "test", tmp_path / "test.parquet")
    rows = pq.read_table(tmp_path / "test.parquet").to_pydict()
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(image))) for image in rows["image"]])
    session = onnxruntime.InferenceSession(folder / "student.onnx", providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    (logits,) = session.run(None, {taken.name: pixels.reshape(len(pixels), *taken.shape[1:])})

    accuracy = (np.asarray(logits).argmax(axis=1) == np.asarray(rows["label"])).mean()
    assert job["result"] is not None
    assert accuracy == pytest.approx(job["result"]["exports"]["onnx"]["accuracy"]["value"], abs=1e-9)


def test_a_pulled_folder_verifies_offline_and_a_changed_file_does_not(
    standing: Launched, folder: Path
) -> None:
    sound = limbeck(standing, "verify", str(folder))
    assert sound.returncode == 0, sound.stdout + sound.stderr
    weights = folder / "student.onnx"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    try:
        changed = limbeck(standing, "verify", str(folder))
        assert changed.returncode == 3
        assert "student.onnx" in changed.stdout + changed.stderr
    finally:
        limbeck(standing, "pull", "leaver@candidate", "-o", str(folder))


def test_a_pipeline_reads_gate_page_and_cases(standing: Launched, client: Client, job: Job) -> None:
    assert limbeck(standing, "gate", job["id"]).returncode == 0
    page = client.jobs.report(job["id"], "html")
    assert "<svg" in page
    assert "onnx-int8" in page
    cases = ElementTree.fromstring(client.jobs.report(job["id"], "xml")).iter("testcase")
    assert len(list(cases)) >= len(LEAVING["gates"])


def test_a_gate_beside_an_alias_judges_on_the_same_examples(
    standing: Launched, client: Client, job: Job
) -> None:
    beside = {"metric": "accuracy", "relative_to": "leaver@candidate", "compare": "difference", "min": 0.5}
    document = {**LEAVING, "name": "challenger", "gates": [beside], "exports": ["safetensors"]}
    later = client.jobs.wait(client.jobs.submit(document)["id"], timeout=WITHIN_S)
    assert later["result"] is not None
    (gate,) = later["result"]["gates"]
    assert later["conclusion"] == "gate_failed"
    assert (gate["verdict"], gate["relative_to"]) == ("failed", "leaver@candidate")
    assert limbeck(standing, "gate", later["id"]).returncode == 3
    versions = json.loads(limbeck(standing, "model", "versions", "leaver", "-o", "json").stdout)
    pointed = {version["version"]: version["aliases"] for version in versions}
    assert pointed == {1: ["candidate"], 2: []}
