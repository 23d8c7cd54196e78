"""The last three phases: measure the written files, make what leaves of them, prove that it runs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from distill import models
from distill.artifacts import Artifacts
from distill.attempt import Attempt
from distill.batches import View
from distill.card import card
from distill.config.events import Finished
from distill.config.folder import Incumbent, Registry
from distill.config.networks import Layer, Scale
from distill.data.canonical import file_sha256
from distill.data.opened import open_split
from distill.environment import environment
from distill.evaluate.incumbents import incumbents_of
from distill.evaluate.measure import measure
from distill.evaluate.predictions import write_predictions
from distill.evaluate.result import Evaluated, comparison, compression, updates_to_control
from distill.evaluate.seeds import SeedOfJob, seeds_of
from distill.evaluate.written import write_runs
from distill.export.student import write_student_folder
from distill.exports import make_exports, stays_in_one_runtime
from distill.gates import Evidence, concluded, judge
from distill.int8_cost import FOUND
from distill.opening import Opened
from distill.preprocess import view
from distill.proof.bench import Proof, Shown
from distill.proof.target import described
from distill.proof.whole import entries, exports_in, prove_job
from distill.report import report
from distill.runs import stands_between

MAY_HAVE_SEEN_TEST = (
    "the teacher was trained elsewhere and may have seen the test examples; "
    "its own figures, retention and gap_closed may flatter it"
)


class Conclusion:
    """What is made of a job once its training is over. Its methods are called in their order."""

    def __init__(
        self,
        opened: Opened,
        attempt: Attempt,
        folder: Path,
        *,
        incumbents: Sequence[Incumbent] = (),
        registry: Registry,
    ) -> None:
        self._opened = opened
        self._incumbents = incumbents
        self._registry = registry
        self._attempt = attempt
        self._folder = folder
        self._out = folder / "out"
        self._artifacts = Artifacts(self._out)
        self._student = opened.student_network
        self._environment = environment(opened.device)
        self._in_one_runtime = stays_in_one_runtime(opened.document)

    def evaluate(self) -> None:
        """Write every network, then open test for the first time and measure the files."""
        opened, attempt = self._opened, self._attempt
        document, dataset = opened.document, opened.dataset
        if opened.uploaded_teacher is not None:
            attempt.warn("teacher_may_have_seen_test", MAY_HAVE_SEEN_TEST)
        seeds = seeds_of(
            attempt.finished,
            attempt.history,
            first=document.seed,
            count=document.evaluation.seeds,
            main_figure=opened.science.main_figure,
        )
        self._candidates = write_runs(opened, attempt, self._folder, seeds)
        (student_file,) = self._candidates["student"].files
        self._student = student_file.network
        self._test = open_split(self._folder / "in" / "dataset", dataset.splits["test"], dataset)
        self._candidates |= incumbents_of(opened, self._incumbents, self._test)
        view = View.of(self._test, opened.preprocessor, opened.device)
        if view.unseen_words:
            attempt.warn("words_not_seen", _words_not_seen(view.unseen_words))
        self._rows, self._measured = measure(
            self._candidates,
            view,
            science=opened.science,
            names=dataset.labels,
            latency=document.evaluation.latency if self._in_one_runtime else None,
            heed=attempt.heed,
        )
        self._result = self._compared(seeds)

    def export(self) -> None:
        """Put beside the weights what makes them usable, and make every other format of them."""
        opened, keep = self._opened, self._artifacts.keep
        tokenizer = opened.tokenizer
        if tokenizer is not None:
            files = {**self._student.files, "tokenizer.json": file_sha256(tokenizer)}
            self._student = self._student.model_copy(update={"files": files})
        folder = self._out / "student"
        write_student_folder(folder, document=opened.document, network=self._student, tokenizer=tokenizer)
        keep("student", "safetensors", "student/student.safetensors")
        keep("student", "config", "student/config.json")
        keep("student", "python", "student/load.py")
        if tokenizer is not None:
            keep("student", "json", "student/tokenizer.json")
        if opened.uploaded_teacher is None:
            keep("teacher", "safetensors", "teacher/teacher.safetensors")
        self._exports = make_exports(opened, self._student, folder, self._artifacts, heed=self._attempt.heed)

    def verify(self) -> None:
        """Run every file as its user would, compare, and write down all that is known of the job."""
        opened, attempt = self._opened, self._attempt
        proof = prove_job(opened, self._candidates, self._exports, self._out, heed=attempt.heed)
        self._take_times(proof)
        self._result |= {
            "exports": entries(
                proof,
                self._exports,
                self._student,
                self._measured["student"],
                self._rows,
                seed=opened.document.seed,
            ),
            "compression": compression(self._result["teacher"], self._result["student"]),
            "latency": self._latency(proof),
            "warnings": [{"code": code, "message": message} for code, message in attempt.warnings.items()],
        }
        evidence = self._evidence(proof)
        self._result["gates"] = judge(
            opened.document,
            self._result,
            evidence,
            incumbents=self._incumbents,
            heed=attempt.heed,
        )
        self._write_figures(evidence)
        self._write_report()

    def finished(self) -> Finished:
        """The last event."""
        return Finished(
            result=self._result,
            conclusion=concluded(self._result["gates"], self._result["exports"]),
            artifacts=self._artifacts.kept,
            student=self._student,
            layers=self._layers(),
            environment=self._environment,
        )

    def _compared(self, seeds: Sequence[SeedOfJob]) -> dict[str, Any]:
        """The result, but for what `verify` adds to it."""
        opened, attempt = self._opened, self._attempt
        evaluated = Evaluated(
            task=opened.document.task,
            measured=self._measured,
            rows=self._rows,
            source_rows=self._test.rows,
            train_labels=_in_units(opened.everything, opened.scale),
            seeds=seeds,
            between=[run for run in attempt.finished if stands_between(run)],
        )
        (shipped,) = (each for each in seeds if each.ships)
        return comparison(evaluated, seed=opened.document.seed) | {
            "updates_to_control": updates_to_control(
                attempt.history,
                shipped.run("student"),
                attempt.finished.get(shipped.run("control")),
                opened.science.main_figure,
            ),
            "updates": {run: trained.steps for run, trained in attempt.finished.items()},
            "chosen_updates": {run: trained.chosen_step for run, trained in attempt.finished.items()},
            "labels": self._labels(),
            "quantization": attempt.found.get(FOUND),
        }

    def _take_times(self, proof: Proof) -> None:
        """What each network cost where it ran alone, and who was measured in the end."""
        for name, measured in self._measured.items():
            shown = proof.get(name)
            if isinstance(shown, Shown):
                self._measured[name] = measured.costing(shown.peak_memory_bytes, shown.times)
        figures = {name: measured.figures for name, measured in self._measured.items()}
        self._result |= {name: figures[name] for name in ("teacher", "student", "control") if name in figures}
        self._result["incumbents"] = {each.model: figures[each.model] for each in self._incumbents}

    def _latency(self, proof: Proof) -> dict[str, Any]:
        shown = {name: found for name, found in proof.items() if isinstance(found, Shown)}
        here = {name: measured.times for name, measured in self._measured.items()}
        runtimes = dict.fromkeys(
            (name for name, times in here.items() if times), f"torch {torch.__version__}"
        )
        return described(
            self._opened.document.evaluation.latency,
            here | {name: found.times for name, found in shown.items() if found.times is not None},
            runtimes | {name: found.runtime for name, found in shown.items()},
            self._environment,
            in_one_process=self._in_one_runtime,
        )

    def _evidence(self, proof: Proof) -> Evidence:
        """What each network answered and how long it took; exports under the names that gates use."""
        measured = self._measured.items()
        outputs = {name: each.outputs for name, each in measured}
        times = {name: each.times for name, each in measured if each.times is not None}
        for name, found in exports_in(proof):
            if found.outputs is not None:
                outputs[f"export:{name}"] = found.outputs
            if found.times is not None:
                times[f"export:{name}"] = found.times
        return Evidence(self._rows, outputs, times)

    def _write_figures(self, evidence: Evidence) -> None:
        """What everyone answered, the exports too, and the curves."""
        write_predictions(self._out / "predictions.parquet", self._test, self._rows, evidence.outputs)
        self._attempt.history.write(self._out / "metrics.parquet")
        self._artifacts.keep("predictions", "parquet", "predictions.parquet")
        self._artifacts.keep("metrics", "parquet", "metrics.parquet")

    def _write_report(self) -> None:
        """All that is known of the job, and the card for whoever meets the student without it."""
        content = report(
            self._opened.document,
            self._opened.course,
            self._result,
            history=self._attempt.history,
            spent=self._attempt.spent,
            measured=self._measured,
            rows=self._rows,
            test=self._test,
            environment=self._environment,
        )
        (self._out / "report.json").write_text(json.dumps(content) + "\n")
        self._artifacts.keep("report", "json", "report.json")
        readme = card(
            content,
            self._student,
            dataset=self._opened.dataset,
            registry=self._registry,
            conclusion=concluded(self._result["gates"], self._result["exports"]),
        )
        (self._out / "README.md").write_text(readme, encoding="utf-8")
        self._artifacts.keep("card", "markdown", "README.md")

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


def _in_units(train: View, scale: Scale | None) -> Tensor:
    """The labels of the labeled examples of train as the dataset has them."""
    labels = train.labels[train.labeled_rows()]
    return labels if scale is None else labels * torch.tensor(scale.std) + torch.tensor(scale.mean)


def _words_not_seen(words: int) -> str:
    return (
        f"{words} tagged words of test are beyond the tokens that the networks see, and are not judged; "
        "raise preprocessing.max_length of the teacher to see them"
    )
