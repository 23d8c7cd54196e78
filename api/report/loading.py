"""How each file is fetched and loaded, as lines to copy."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from api.report import words
from api.report.subject import File

_AUTO = {
    "class": "AutoModelForSequenceClassification",
    "token-classification": "AutoModelForTokenClassification",
    "feature-extraction": "AutoModel",
}
_NUMPY = {"uint8": "np.uint8", "float32": "np.float32", "int64": "np.int64"}


def fetching(job_id: str, format: str) -> str:
    """The command that brings the files of one format."""
    chosen = "" if format == "safetensors" else f" --format {format}"
    return f"limbeck pull {job_id} -o student{chosen}"


def facts(export: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """`(what, how)`: what an export takes, where it runs, and how far it is from the student."""
    for entry in export.get("inputs") or []:
        shape = ", ".join("n" if side is None else str(side) for side in entry["shape"])
        low_high = f", {entry['range'][0]} to {entry['range'][1]}" if entry.get("range") else ""
        yield "input", f"{entry['name']}: {entry['dtype']} ({shape}){low_high}"
    steps = export.get("preprocessing")
    if isinstance(steps, Mapping) and "where" in steps:
        yield "preprocessing", f"{steps['where']} the file"
    if export.get("runtime"):
        opset = f", opset {export['opset']}" if export.get("opset") else ""
        yield "runtime", f"{export['runtime']}{opset}"
    if (export.get("calibration") or {}).get("examples"):
        yield "calibrated on", f"{export['calibration']['examples']:,} examples of train"
    if export.get("max_abs_diff") is not None:
        yield "differs", f"by at most {words.number(export['max_abs_diff'])} from the student as measured"


def loading(format: str, export: Mapping[str, Any], files: Sequence[File], task: str) -> str | None:
    """Python that loads an export and asks it about a few examples; None where nothing is known of it."""
    name = files[0].filename if files else None
    match format:
        case "safetensors":
            return _torch()
        case "huggingface":
            return _transformers(task)
        case "onnx" | "onnx-fp16" | "onnx-int8":
            return _onnx(name or _usual_name(format), export.get("inputs") or [])
        case "executorch":
            return _executorch(name or "student.pte")
    return None


def _torch() -> str:
    return (
        "import sys; sys.path.insert(0, 'student')\n"
        "import load  # needs torch\n\n"
        "student = load.load('student')\n"
        "outputs = load.predict(student, examples)  # raw examples, as they are stored\n"
        "answers = load.named(student, outputs)"
    )


def _transformers(task: str) -> str:
    model = _AUTO.get(task, _AUTO["class"])
    return (
        f"from transformers import {model}, AutoTokenizer\n\n"
        "tokenizer = AutoTokenizer.from_pretrained('student/huggingface')\n"
        f"student = {model}.from_pretrained('student/huggingface').eval()\n"
        "outputs = student(**tokenizer(texts, padding=True, truncation=True, return_tensors='pt'))"
    )


def _onnx(filename: str, inputs: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "import onnxruntime",
        "",
        f"session = onnxruntime.InferenceSession({f'student/{filename}'!r})",
    ]
    if any(entry["dtype"] == "string" for entry in inputs) or not inputs:
        return "\n".join(
            [*lines, "print([(each.name, each.type, each.shape) for each in session.get_inputs()])"]
        )
    lines[0] = "import numpy as np, onnxruntime"
    fed = ", ".join(f"{entry['name']!r}: {entry['name']}" for entry in inputs)
    for entry in inputs:
        shape = ", ".join(str(side) if isinstance(side, int) else "1" for side in entry["shape"])
        kind = _NUMPY.get(entry["dtype"], f"np.dtype({entry['dtype']!r})")
        comma = "," if len(entry["shape"]) == 1 else ""
        lines.append(f"{entry['name']} = np.zeros(({shape}{comma}), {kind})  # your examples")
    return "\n".join([*lines, f"(outputs,) = session.run(None, {{{fed}}})"])


def _executorch(filename: str) -> str:
    return (
        "from executorch.runtime import Runtime  # needs the package executorch\n\n"
        f"program = Runtime.get().load_program({f'student/{filename}'!r})\n"
        "(outputs,) = program.load_method('forward').execute([examples])"
    )


def _usual_name(format: str) -> str:
    return {"onnx": "student.onnx"}.get(format, f"student-{format.removeprefix('onnx-')}.onnx")
