"""The last three phases: measure the written files, make the student ready to leave, prove that it runs."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from distill import models
from distill.attempt import Attempt
from distill.batches import View
from distill.config.events import ArtifactWritten, Finished
from distill.config.networks import Layer, Scale
from distill.data.canonical import file_sha256
from distill.data.opened import open_split
from distill.environment import environment
from distill.evaluate.exported import failed_export, verified_export
from distill.evaluate.measure import measure
from distill.evaluate.predictions import write_predictions
from distill.evaluate.result import Evaluated, comparison, updates_to_control
from distill.evaluate.seeds import seeds_of
from distill.evaluate.written import write_runs
from distill.export.student import write_student_folder
from distill.export.verify import RefusedToRun, outputs_outside
from distill.opening import Opened
from distill.preprocess import view
from distill.report import report
from distill.runs import stands_between

MEDIA_TYPES = {
    "safetensors": "application/octet-stream",
    "config": "application/json",
    "json": "application/json",
    "python": "text/x-python",
    "parquet": "application/vnd.apache.parquet",
}
MAY_HAVE_SEEN_TEST = (
    "the teacher was trained elsewhere and may have seen the test examples; "
    "its own figures, retention and gap_closed may flatter it"
)


class Conclusion:
    """What is made of a job once its training is over. Its methods are called in their order."""

    def __init__(self, opened: Opened, attempt: Attempt, folder: Path) -> None:
        self._opened = opened
        self._attempt = attempt
        self._folder = folder
        self._out = folder / "out"
        self._artifacts: list[ArtifactWritten] = []
        self._student = opened.student_network
        self._environment = environment(opened.device)

    def evaluate(self) -> None:
        """Write every network, then open test for the first time and measure the files."""
        opened, attempt = self._opened, self._attempt
        document, dataset, main_figure = opened.document, opened.dataset, opened.science.main_figure
        if opened.uploaded_teacher is not None:
            attempt.warn("teacher_may_have_seen_test", MAY_HAVE_SEEN_TEST)
        seeds = seeds_of(
            attempt.finished,
            attempt.history,
            first=document.seed,
            count=document.evaluation.seeds,
            main_figure=main_figure,
        )
        candidates = write_runs(opened, attempt, self._folder, seeds)
        (student_file,) = candidates["student"].files
        self._student = student_file.network
        self._test = open_split(self._folder / "in" / "dataset", dataset.splits["test"], dataset)
        view = View.of(self._test, opened.preprocessor, opened.device)
        if view.unseen_words:
            attempt.warn("words_not_seen", _words_not_seen(view.unseen_words))
        self._rows, self._measured = measure(
            candidates,
            view,
            science=opened.science,
            names=dataset.labels,
            latency=document.evaluation.latency,
            heed=attempt.heed,
        )
        evaluated = Evaluated(
            task=document.task,
            measured=self._measured,
            rows=self._rows,
            source_rows=self._test.rows,
            train_labels=_in_units(opened.everything, opened.scale),
            seeds=seeds,
            between=[run for run in attempt.finished if stands_between(run)],
        )
        (shipped,) = (each for each in seeds if each.ships)
        self._result = comparison(evaluated, seed=document.seed) | {
            "updates_to_control": updates_to_control(
                attempt.history,
                shipped.run("student"),
                attempt.finished.get(shipped.run("control")),
                main_figure,
            ),
            "updates": {run: trained.steps for run, trained in attempt.finished.items()},
            "chosen_updates": {run: trained.chosen_step for run, trained in attempt.finished.items()},
            "labels": self._labels(),
            "gates": [],
        }

    def export(self) -> None:
        """Put beside the weights what makes them usable, and write predictions and figures."""
        opened, attempt, out = self._opened, self._attempt, self._out
        tokenizer = opened.tokenizer
        if tokenizer is not None:
            files = {**self._student.files, "tokenizer.json": file_sha256(tokenizer)}
            self._student = self._student.model_copy(update={"files": files})
        write_student_folder(
            out / "student",
            document=opened.document,
            network=self._student,
            tokenizer=tokenizer,
        )
        self._keep("student", "safetensors", "student/student.safetensors")
        self._keep("student", "config", "student/config.json")
        self._keep("student", "python", "student/load.py")
        if tokenizer is not None:
            self._keep("student", "json", "student/tokenizer.json")
        if opened.uploaded_teacher is None:
            self._keep("teacher", "safetensors", "teacher/teacher.safetensors")
        outputs = {name: entry.outputs for name, entry in self._measured.items()}
        write_predictions(out / "predictions.parquet", self._test, self._rows, outputs)
        self._keep("predictions", "parquet", "predictions.parquet")
        attempt.history.write(out / "metrics.parquet")
        self._keep("metrics", "parquet", "metrics.parquet")

    def verify(self) -> None:
        """Run the student as its user would, compare, and write the report."""
        opened, student = self._opened, self._measured["student"]
        try:
            outside = outputs_outside(
                self._out / "student",
                self._folder / "in" / "dataset" / opened.dataset.splits["test"].file,
                like=student.outputs,
                heed=self._attempt.heed,
            )
            entry = verified_export(outside, student, self._rows, self._student, seed=opened.document.seed)
        except RefusedToRun as error:
            entry = failed_export(f"load.py did not run: {error}", student, self._student)
        self._result["exports"] = {"safetensors": entry}
        self._result["warnings"] = [
            {"code": code, "message": message} for code, message in self._attempt.warnings.items()
        ]
        content = report(
            opened.document,
            opened.course,
            self._result,
            history=self._attempt.history,
            spent=self._attempt.spent,
            measured=self._measured,
            rows=self._rows,
            test=self._test,
            environment=self._environment,
        )
        (self._out / "report.json").write_text(json.dumps(content) + "\n")
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
        return models.layers(models.for_dry_forward(module, seen), seen)

    def _labels(self) -> dict[str, Any]:
        """How many labels student and control saw, and which where these were not all."""
        opened = self._opened
        known = opened.science.target != "embedding"
        there = len(opened.everything.labeled_rows()) if known else 0
        seen = len(opened.labeled_rows) if known else 0
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


def _in_units(train: View, scale: Scale | None) -> Tensor:
    """The labels of the labeled examples of train as the dataset has them."""
    labels = train.labels[train.labeled_rows()]
    return labels if scale is None else labels * torch.tensor(scale.std) + torch.tensor(scale.mean)


def _words_not_seen(words: int) -> str:
    return (
        f"{words} tagged words of test are beyond the tokens that the networks see, and are not judged; "
        "raise preprocessing.max_length of the teacher to see them"
    )
