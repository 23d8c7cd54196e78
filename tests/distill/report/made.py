"""Reports of every task, of networks whose answers are made up: nothing is trained for them."""

import json
from typing import Any

import torch
from torch import Tensor

from distill.config.document import parse_job
from distill.config.tasks import TASKS, Task
from distill.data.opened import SplitData
from distill.evaluate.measure import Measured, Rows
from distill.evaluate.result import Evaluated, comparison
from distill.evaluate.seeds import SeedOfJob
from distill.history import History
from distill.report import report
from distill.runs import CONTROL_OF_TOP_CLASS
from distill.spent import Spent
from distill.tasks import science_of

EXAMPLES = 60
WORDS_EACH = 5
FEATURES = {"name": "features", "dtype": "float32", "shape": [None, 3], "layout": "NF", "range": None}
INCUMBENT = "mdl_1"
NOISE = {"teacher": 0.5, "student": 1.5, "control": 2.5, CONTROL_OF_TOP_CLASS: 2.0}


class Made:
    """What a finished job hands to its report."""

    def __init__(
        self,
        task: Task,
        names: list[str] | None = None,
        *,
        control: bool = True,
        incumbent: bool = False,
        labeled: int = EXAMPLES,
    ) -> None:
        torch.manual_seed(0)
        self.task: Task = task
        self.science = science_of(task)
        embedding = self.science.target == "embedding"
        self.names = [] if embedding else (names or ["a", "b", "c"])
        per_example = WORDS_EACH if self.science.target == "tag" else 1
        self.examples = torch.arange(EXAMPLES).repeat_interleave(per_example)
        truth, self.labels = self._truth(len(self.examples))
        runs = ["teacher", "student"] + (
            ["control", CONTROL_OF_TOP_CLASS] if control and not embedding else []
        )
        outputs = {run: truth + NOISE[run] * torch.randn(truth.shape) for run in runs}
        if incumbent:
            outputs[INCUMBENT] = truth + torch.randn(truth.shape)
        if labeled < EXAMPLES:
            hidden = self.science.hidden(self.labels)
            self.labels = torch.cat([self.labels[:labeled], hidden[labeled:]])
        if embedding:
            self.labels = outputs["teacher"]
        self.rows = Rows(self.science, self.names, self.labels, self.examples)
        self.measured = {run: self._judged(each) for run, each in outputs.items()}
        self.test = SplitData(
            task,
            self._inputs(),
            self.labels,
            torch.arange(EXAMPLES) + 1000,
            torch.zeros(EXAMPLES, 32, dtype=torch.uint8),
        )

    def report(self, **result: Any) -> dict[str, Any]:
        """As it is read back from its file."""
        history, spent = History(), Spent()
        for run in self.measured:
            spent.examples[run] = 320
            for step in range(1, 11):
                figures = {"train.loss.total": 1 / step, f"validation.{self.science.main_figure}": step / 10}
                history.add(run, step, figures, float(step))
        with spent.phase("training"), spent.run("student"):
            pass
        compared = self.result() | result
        content = report(
            parse_job(self.document()),
            [],
            compared,
            history=history,
            spent=spent,
            measured=self.measured,
            rows=self.rows,
            test=self.test,
            environment={"device": "cpu", "torch": "2"},
        )
        found: dict[str, Any] = json.loads(json.dumps(content, allow_nan=False))
        return found

    def document(self) -> dict[str, Any]:
        return {
            "name": "job",
            "task": self.task,
            "teacher": "teacher",
            "dataset": "data",
            "student": {"architecture": "mlp", "config": {}},
        }

    def result(self) -> dict[str, Any]:
        known = self.rows.labels[self.rows.labeled]
        found = comparison(
            Evaluated(
                task=self.task,
                measured=self.measured,
                rows=self.rows,
                source_rows=self.test.rows,
                train_labels=known,
                seeds=[SeedOfJob(1, 0, ships=True)],
                between=[],
            ),
            seed=0,
        )
        return found | {
            "incumbents": {name: self.measured[name].figures for name in {INCUMBENT} & self.measured.keys()},
            "compression": {"parameters": 2.0, "size": 2.0, "speedup": 2.0},
            "gates": [],
            "warnings": [],
            "updates": dict.fromkeys(self.measured, 10),
            "updates_to_control": None,
            "labels": {"seen": 10, "available": 10, "examples": 10, "seed": 0, "rows": None},
            "exports": {"safetensors": self.export()},
        }

    def export(self, **facts: Any) -> dict[str, Any]:
        """The block of an export that is as the student was measured."""
        return {
            "status": "verified",
            self.science.main_figure: {"value": 0.5, "low": 0.4, "high": 0.6},
            "match": 1.0,
            "top1_match": 1.0,
            "max_abs_diff": 0.0,
            "size_bytes": 400,
            "sha256": "ab" * 32,
            "latency_ms": {"p50": 0.1, "p95": 0.2},
            "inputs": [
                {"name": "features", "dtype": "float32", "shape": [None, 3], "layout": "NF", "range": None}
            ],
            "preprocessing": "inside",
            "opset": None,
            "runtime": "torch 2",
            "calibration": None,
        } | facts

    def _truth(self, rows: int) -> tuple[Tensor, Tensor]:
        """Outputs that are right, and the labels."""
        names = max(len(self.names), 4) if self.science.target == "embedding" else len(self.names)
        match self.science.target:
            case "class" | "tag":
                labels = torch.arange(rows) % names
                return 2 * torch.nn.functional.one_hot(labels, names).float(), labels
            case "label_set":
                labels = (torch.rand(rows, names) > 0.5).to(torch.int8)
                return 4 * labels.float() - 2, labels
        labels = torch.randn(rows, names)
        return labels, labels

    def _judged(self, outputs: Tensor) -> Measured:
        here = self.rows.labeled
        judged = (outputs[here], self.rows.labels[here], self.rows.examples[here])
        cost = {"parameters": 100, "size_bytes": 400, "macs": 50, "labels_used": 10, "latency_ms": None}
        cost |= {"file": "student.safetensors", "sha256": "ab" * 32}
        return Measured(
            outputs, self.science.figures(*judged, self.names) | cost, self.science.scores(*judged)
        )

    def _inputs(self) -> Any:
        if self.science.target == "tag":
            return [["word"] * WORDS_EACH for _ in range(EXAMPLES)]
        match TASKS[self.task].inputs[0]:
            case "image":
                return torch.randint(0, 256, (EXAMPLES, 1, 8, 8), dtype=torch.uint8)
            case "tabular":
                return torch.randn(EXAMPLES, 40)
        return [f"{'text ' * 100}{number}" for number in range(EXAMPLES)]
