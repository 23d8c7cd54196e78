"""How each file of a student is loaded, to copy."""

from collections.abc import Iterator, Mapping
from typing import Any

from distill.config.networks import Network

_AUTO = {
    "token-classification": "AutoModelForTokenClassification",
    "feature-extraction": "AutoModel",
}


def how_to_load(exports: Mapping[str, Mapping[str, Any]], network: Network) -> Iterator[str]:
    """One listing a format that works; run in the folder of the card."""
    for form, entry in exports.items():
        if entry["status"] != "verified":
            continue
        files = [file["file"] for file in entry.get("files") or []]
        if form == "safetensors":
            yield _python(
                "import load  # load.py needs torch",
                "",
                'student = load.load(".")',
                "outputs = load.predict(student, examples)  # as they are stored",
                *(["answers = load.named(student, outputs)"] if network.labels else []),
            )
        elif form == "huggingface":
            auto = _AUTO.get(network.task, "AutoModelForSequenceClassification")
            yield _python(
                f"from transformers import AutoTokenizer, {auto}",
                "",
                'tokenizer = AutoTokenizer.from_pretrained("huggingface")',
                f'student = {auto}.from_pretrained("huggingface")',
                'outputs = student(**tokenizer(texts, padding=True, truncation=True, return_tensors="pt"))',
            )
        elif form == "executorch" and files:
            yield _python(
                "from executorch.runtime import Runtime",
                "",
                f'method = Runtime.get().load_program("{files[0]}").load_method("forward")',
                "outputs = method.execute([examples])",
            )
        elif files:
            inputs = ", ".join(f'"{each["name"]}": {each["name"]}' for each in entry.get("inputs") or [])
            yield _python(
                "import onnxruntime",
                "",
                f'session = onnxruntime.InferenceSession("{files[0]}")',
                f"(outputs,) = session.run(None, {{{inputs}}})",
            )


def _python(*lines: str) -> str:
    return "\n".join(["```python", *lines, "```"])
