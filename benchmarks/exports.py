"""Every export of three students, beside teacher and student: what it answers, weighs and takes.

Whole jobs by `python -m distill run`: the product itself makes the files, runs each in its own runtime,
and takes all of them in turns. The sets and teachers are those of `benchmarks.teaches`; of texts the
teacher is a BERT of four layers, and its student starts with two of them.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.teaches.__main__ import WORK, with_table
from benchmarks.teaches.data import Prepared, prepared
from benchmarks.teaches.jobs import Taught, outcome
from benchmarks.teaches.tables import percent, table
from benchmarks.teaches.teachers import teacher_of, untrained_bert

PAGE = Path(__file__).parents[1] / "docs" / "exports.md"
_ANYWHERE = ["safetensors", "onnx", "onnx-fp16", "onnx-int8"]
_BERT = {"model_type": "bert", "num_hidden_layers": 4, "hidden_size": 64, "num_attention_heads": 2}

STUDENTS: dict[str, dict[str, Any]] = {
    "images": {
        "student": {"architecture": "cnn", "config": {"depth": 4, "width": 8}},
        "training": {"epochs": 6, "optimizer": {"kind": "adamw", "learning_rate": 5e-3}},
        "exports": _ANYWHERE,
    },
    "table": {
        "student": {"architecture": "mlp", "config": {"depth": 3, "width": 128}},
        "training": {"epochs": 40, "optimizer": {"kind": "adamw", "learning_rate": 3e-3}},
        "exports": _ANYWHERE,
    },
    "text": {
        "student": {"from_teacher": {"num_layers": 2}},
        "training": {"epochs": 1, "optimizer": {"kind": "adamw", "learning_rate": 1e-3}},
        "exports": [*_ANYWHERE, "huggingface"],
    },
}


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exports", description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK, help="where sets, teachers and jobs are kept")
    made = compared(parser.parse_args(arguments).work)
    print(made)
    PAGE.write_text(with_table(PAGE.read_text(), "exports", made))


def compared(work: Path) -> str:
    """One row a file: status, accuracy, answers as the student's, size, milliseconds of one example."""
    rows = [row for name in STUDENTS for row in _rows(name, work)]
    heads = ["set", "file", "status", "accuracy", "top-1 match", "size", "p50", "p95", "peak memory"]
    return table([*heads, "times quicker than the teacher"], rows)


def document(name: str, task: str) -> dict[str, Any]:
    """The job that makes the rows of one set."""
    return {
        "version": 1,
        "name": f"exports-of-{name}",
        "task": task,
        "dataset": name,
        "teacher": f"teacher-of-{name}",
        "evaluation": {"control": False, "latency": {"threads": 1}},
        **STUDENTS[name],
    }


def _rows(name: str, work: Path) -> Iterator[list[str]]:
    data = prepared(name, work)
    teacher = _bert_of_four(data, work) if name == "text" else teacher_of(data, work)
    asked = document(name, data.dataset.task)
    result = outcome(work / "exports" / name, asked, data, teacher).result
    base = result["teacher"]["latency_ms"]["p50"]
    for run in ("teacher", "student"):
        yield [name, f"{run}, PyTorch", "", percent(result[run]["accuracy"]), *_cost(result[run], base)]
    for form, entry in result["exports"].items():
        accuracy = percent(entry["accuracy"]["value"])
        yield [name, form, entry["status"], accuracy, *_cost(entry, base)]


def _cost(of: dict[str, Any], teacher_ms: float) -> list[str]:
    match, times, peak = of.get("top1_match"), of["latency_ms"], of.get("peak_memory_bytes")
    return [
        "" if match is None else percent(match, digits=2),
        f"{of['size_bytes'] / 1000:,.0f} kB",
        f"{times['p50']:.3f} ms",
        f"{times['p95']:.3f} ms",
        "" if peak is None else f"{peak / 2**20:,.0f} MiB",
        f"{teacher_ms / times['p50']:.1f}",
    ]


def _bert_of_four(data: Prepared, work: Path) -> Taught:
    """A BERT of four layers, trained here on all labels of train."""
    document = {
        "version": 1,
        "name": "bert-of-four",
        "task": data.dataset.task,
        "dataset": data.name,
        "teacher": "nobody",
        "student": {"huggingface": _BERT},
        "losses": [{"kind": "hard_target", "weight": 1.0}],
        "training": {"epochs": 2, "batch_size": 128, "optimizer": {"kind": "adamw", "learning_rate": 1e-3}},
        "evaluation": {"control": False},
    }
    return outcome(work / "teachers" / "bert-of-four", document, data, untrained_bert(data, work)).student()


if __name__ == "__main__":
    main(sys.argv[1:])
