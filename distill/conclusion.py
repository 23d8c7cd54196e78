"""The last three phases: measure the written files, make the student ready to leave, prove that it runs."""

import json
from pathlib import Path
from typing import Any

from distill import models
from distill.attempt import Attempt
from distill.batches import View
from distill.config.events import ArtifactWritten, Finished
from distill.config.networks import Layer
from distill.data.canonical import file_sha256
from distill.data.opened import open_split
from distill.environment import environment
from distill.evaluate.measure import NetworkFile, measure
from distill.evaluate.result import comparison, failed_export, updates_to_control, verified_export
from distill.export.predictions import write_predictions
from distill.export.student import write_network, write_student_folder
from distill.export.verify import RefusedToRun, logits_outside
from distill.opening import Opened
from distill.preprocess import view
from distill.report import report

MEDIA_TYPES = {
    "safetensors": "application/octet-stream",
    "config": "application/json",
    "json": "application/json",
    "python": "text/x-python",
    "parquet": "application/vnd.apache.parquet",
}
MAY_HAVE_SEEN_TEST = (
    "the teacher was trained elsewhere and may have seen the test examples; "
    "its own accuracy, retention and gap_closed may flatter it"
)


class Conclusion:
    """What is made of a job once its training is over. Its methods are called in their order."""

    def __init__(self, opened: Opened, attempt: Attempt, folder: Path) -> None:
        self._opened = opened
        self._attempt = attempt
        self._folder = folder
        self._out = folder / "out"
        self._artifacts: list[ArtifactWritten] = []
        self._student = opened.student
        self._environment = environment(opened.device)

    def evaluate(self) -> None:
        """Write every network, then open test for the first time and measure the files."""
        opened, attempt = self._opened, self._attempt
        if opened.uploaded_teacher is not None:
            attempt.warn("teacher_may_have_seen_test", MAY_HAVE_SEEN_TEST)
        files = self._write_networks()
        dataset = opened.dataset
        self._test = open_split(self._folder / "in" / "dataset", dataset.splits["test"], dataset)
        self._measured = measure(
            files,
            View.of(self._test, opened.preprocessor, opened.device),
            names=dataset.labels,
            latency=opened.document.evaluation.latency,
            heed=attempt.heed,
        )
        seed = opened.document.seed
        self._result = comparison(self._measured, self._test.labels, seed=seed) | {
            "updates_to_control": updates_to_control(attempt.history, attempt.finished.get("control")),
            "updates": {run: trained.steps for run, trained in attempt.finished.items()},
            "chosen_updates": {run: trained.chosen_step for run, trained in attempt.finished.items()},
            "labels": self._labels(),
            "gates": [],
        }

    def export(self) -> None:
        """Put beside the weights what makes them usable, and write predictions and figures."""
        opened, attempt, out = self._opened, self._attempt, self._out
        tokenizer = self._folder / "in" / "teachers" / "0" / "tokenizer.json"
        is_text = opened.dataset.input.kind == "text"
        if is_text:
            files = {**self._student.files, "tokenizer.json": file_sha256(tokenizer)}
            self._student = self._student.model_copy(update={"files": files})
        write_student_folder(
            out / "student",
            document=opened.document,
            network=self._student,
            tokenizer=tokenizer if is_text else None,
        )
        self._keep("student", "safetensors", "student/student.safetensors")
        self._keep("student", "config", "student/config.json")
        self._keep("student", "python", "student/load.py")
        if is_text:
            self._keep("student", "json", "student/tokenizer.json")
        if opened.uploaded_teacher is None:
            self._keep("teacher", "safetensors", "teacher/teacher.safetensors")
        logits = {run: entry.logits for run, entry in self._measured.items()}
        write_predictions(out / "predictions.parquet", self._test, logits)
        self._keep("predictions", "parquet", "predictions.parquet")
        attempt.history.write(out / "metrics.parquet")
        self._keep("metrics", "parquet", "metrics.parquet")

    def verify(self) -> None:
        """Run the student as its user would, compare, and write the report."""
        opened, student = self._opened, self._measured["student"]
        try:
            outside = logits_outside(
                self._out / "student",
                self._folder / "in" / "dataset" / opened.dataset.splits["test"].file,
                classes=len(opened.dataset.labels),
                heed=self._attempt.heed,
            )
            entry = verified_export(
                outside,
                student,
                self._test.labels,
                self._student,
                seed=opened.document.seed,
            )
        except RefusedToRun as error:
            entry = failed_export(f"load.py did not run: {error}", student, self._student)
        self._result["exports"] = {"safetensors": entry}
        self._result["warnings"] = [
            {"code": code, "message": message} for code, message in self._attempt.warnings.items()
        ]
        content = report(
            opened.document,
            self._result,
            self._attempt.history,
            teacher_logits=self._measured["teacher"].logits,
            labels=opened.dataset.labels,
            environment=self._environment,
        )
        (self._out / "report.json").write_text(json.dumps(content, indent=2) + "\n")
        self._keep("report", "json", "report.json")

    def finished(self) -> Finished:
        """The last event."""
        exports = self._result["exports"].values()
        failed = any(entry["status"] == "failed" for entry in exports)
        return Finished(
            result=self._result,
            conclusion="export_failed" if failed else "no_gate",
            artifacts=self._artifacts,
            student=self._student,
            layers=self._layers(),
            environment=self._environment,
        )

    def _layers(self) -> list[Layer]:
        student = self._student
        seen = view(student.input, student.preprocessing)
        module = models.build_on_meta(
            student.architecture, student.config, input=seen, num_outputs=student.num_outputs
        )
        return models.layers(module, seen)

    def _write_networks(self) -> dict[str, NetworkFile]:
        opened, finished = self._opened, self._attempt.finished
        files = {}
        if opened.uploaded_teacher is not None:
            teacher_folder = self._folder / "in" / "teachers" / "0"
            files["teacher"] = NetworkFile(
                opened.teacher, teacher_folder, labels_used=None, order=opened.teacher_order
            )
        for run, trained in finished.items():
            path = self._out / run / f"{run}.safetensors"
            record = opened.teacher if run == "teacher" else opened.student
            record = write_network(path, trained.weights, record)
            used = len(opened.everything.labeled_rows()) if run == "teacher" else len(opened.labeled_rows)
            files[run] = NetworkFile(record, path.parent, labels_used=used)
        self._student = files["student"].network
        return files

    def _labels(self) -> dict[str, Any]:
        """How many labels student and control saw, and which where these were not all."""
        opened = self._opened
        there = len(opened.everything.labeled_rows())
        seen = len(opened.labeled_rows)
        return {
            "seen": seen,
            "available": there,
            "examples": len(opened.everything),
            "seed": opened.document.labels.seed,
            "rows": opened.labeled_rows if seen < there else None,
        }

    def _keep(self, kind: Any, form: str, path: str) -> None:
        file = self._out / path
        self._artifacts.append(
            ArtifactWritten(
                kind=kind,
                format=form,
                path=f"out/{path}",
                filename=file.name,
                media_type=MEDIA_TYPES[form],
                sha256=file_sha256(file),
                bytes=file.stat().st_size,
            )
        )
