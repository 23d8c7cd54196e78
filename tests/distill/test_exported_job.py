"""A job whose student leaves in several formats: every file is measured, and what failed is told."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from distill import exports
from distill.config.exports import Export
from distill.data.canonical import file_sha256
from distill.export import formats
from distill.export.source import CannotExport, Made, Source
from tests.distill.conftest import Inspected
from tests.distill.evaluate.finished import Done
from tests.distill.folders import run, stage
from tests.distill.jobs import small

pytestmark = pytest.mark.timeout(400)  # torch.onnx alone takes a minute on a busy machine

FORMATS = ["onnx", "onnx-fp16", {"format": "onnx-int8", "calibration": {"examples": 64}}]
GATES = [
    {"metric": "latency_ms.p95", "on": "export:onnx", "max": 10_000},
    {"metric": "size_bytes", "on": "export:onnx", "relative_to": "teacher", "min": 0.0},
]


def make(export: Export, source: Source, out: Path) -> Made:
    """As a job does, but the file of half precision cannot be made, and that of 8 bits is damaged."""
    if export.format == "onnx-fp16":
        raise CannotExport("there is no half of it")
    made = formats.make(export, source, out)
    if export.format == "onnx-int8":
        file = made.folder / made.files[0]
        file.write_bytes(file.read_bytes()[:-200])
    return made


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, digits: Inspected) -> Done:
    torch.set_num_threads(1)
    document = small(
        exports=FORMATS,
        gates=GATES,
        evaluation={"latency": {"batch_size": 2}},
        student={"architecture": "cnn", "config": {"depth": 2, "width": 4}},
    )
    folder = stage(tmp_path_factory.mktemp("job") / "job", document, digits.dataset, digits.splits)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(exports, "make", make)
        return Done(folder, run(folder))


def entry(done: Done, form: str) -> dict[str, Any]:
    found: dict[str, Any] = done.result["exports"][form]
    return found


def test_each_export_has_its_block_and_the_file_is_the_one_that_was_measured(done: Done) -> None:
    onnx = entry(done, "onnx")
    (artifact,) = (each for each in done.finished.artifacts if each.format == "onnx")

    assert onnx["status"] == entry(done, "safetensors")["status"] == "verified"
    assert onnx["accuracy"]["value"] == pytest.approx(done.result["student"]["accuracy"], abs=1e-9)
    assert onnx["top1_match"] == 1
    assert onnx["max_abs_diff"] < 1e-4
    assert onnx["inputs"][0]["dtype"] == "uint8"
    assert onnx["preprocessing"]["where"] == "inside"
    assert onnx["opset"] >= 18
    assert onnx["runtime"].startswith("onnxruntime ")
    assert (artifact.kind, artifact.filename) == ("export", "student.onnx")
    assert (onnx["sha256"], onnx["size_bytes"]) == (artifact.sha256, artifact.bytes)
    assert file_sha256(done.folder / artifact.path) == artifact.sha256


def test_a_damaged_export_is_failed_with_a_reason_and_its_file_is_kept(done: Done) -> None:
    int8 = entry(done, "onnx-int8")

    assert int8["status"] == "failed"
    assert "did not run outside" in int8["reason"]
    assert int8["sha256"] in {each.sha256 for each in done.finished.artifacts}
    assert int8["calibration"]["examples"] == 64


def test_an_export_that_cannot_be_made_is_failed_and_the_others_are_made(done: Done) -> None:
    half = entry(done, "onnx-fp16")

    assert (half["status"], half["reason"]) == ("failed", "there is no half of it")
    assert half["accuracy"] is half["sha256"] is half["latency_ms"] is None
    assert half["files"] == []


def test_a_failed_export_is_what_the_job_comes_to_and_its_student_stays(done: Done) -> None:
    assert done.finished.conclusion == "export_failed"
    assert "student.safetensors" in {each.filename for each in done.finished.artifacts}


def test_teacher_student_control_and_exports_are_timed_in_one_round(done: Done) -> None:
    latency, result = done.result["latency"], done.result

    assert latency["processes"] == "own"
    assert latency["in_turns"] == ["control", "onnx", "student", "teacher"]
    assert (latency["device"], latency["threads"], latency["batch_size"]) == ("cpu", 1, 2)
    assert latency["warm_up"] >= 5
    assert latency["rounds"] >= 20
    assert set(latency["runtimes"]) == set(latency["in_turns"])
    for who in (result["teacher"], result["student"], result["control"], entry(done, "onnx")):
        assert 0 < who["latency_ms"]["p50"] <= who["latency_ms"]["p95"]
        assert 1e7 < who["peak_memory_bytes"] < 1e9
    assert entry(done, "safetensors")["latency_ms"] == result["student"]["latency_ms"]
    assert result["compression"]["speedup"] == pytest.approx(
        result["teacher"]["latency_ms"]["p50"] / result["student"]["latency_ms"]["p50"]
    )


def test_gates_may_be_about_an_export(done: Done) -> None:
    assert [gate["verdict"] for gate in done.result["gates"]] == ["passed", "passed"]


def test_predictions_hold_what_each_export_answered(done: Done) -> None:
    columns = pq.read_table(done.out / "predictions.parquet").to_pydict()

    assert "export:onnx-int8" not in columns
    torch.testing.assert_close(
        torch.tensor(columns["export:onnx"]), torch.tensor(columns["student"]), atol=1e-4, rtol=1e-4
    )


def test_no_scratch_is_left_among_what_the_job_wrote(done: Done) -> None:
    assert not list(done.out.rglob("request.json"))
