"""The YAML at the head of a card, as the Hugging Face hub reads it."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from distill.card.licenses import license_fields
from distill.config.folder import Registry
from distill.config.networks import Network
from distill.config.tasks import InputKind, Task

PIPELINES: Mapping[tuple[Task, InputKind], str] = {
    ("image-classification", "image"): "image-classification",
    ("text-classification", "text"): "text-classification",
    ("tabular-classification", "tabular"): "tabular-classification",
    ("multi-label-classification", "image"): "image-classification",
    ("multi-label-classification", "text"): "text-classification",
    ("multi-label-classification", "tabular"): "tabular-classification",
    ("token-classification", "text"): "token-classification",
    ("regression", "tabular"): "tabular-regression",
    ("feature-extraction", "text"): "feature-extraction",
    ("feature-extraction", "image"): "image-feature-extraction",
}
"""What the hub calls a task; some it has no word for."""

METRICS = {
    "accuracy": "accuracy",
    "macro_f1": "f1",
    "f1": "f1",
    "entity_f1": "seqeval",
    "r2": "r_squared",
    "mae": "mae",
    "rmse": "rmse",
    "cosine": "cosine_similarity",
}
"""Our figures, and what the hub calls them; those of a task that come first are told."""


def metadata(report: Mapping[str, Any], network: Network, registry: Registry) -> dict[str, Any]:
    """The fields of the head. `report` is the content of report.json."""
    result, asked = report["result"], report["asked"]
    formats = list(result["exports"])
    pipeline = PIPELINES.get((network.task, network.input.kind))
    dataset = registry.dataset
    figures = {name: result["student"][name] for name in METRICS if result["student"].get(name) is not None}
    fields: dict[str, Any] = {
        **license_fields(registry.models),
        "library_name": "transformers" if "huggingface" in formats else "pytorch",
        "tags": [
            *("limbeck", "distillation", "knowledge-distillation"),
            *(word for word in (network.architecture, network.task, *formats)),
        ],
        "metrics": sorted({METRICS[name] for name in figures}),
    }
    if pipeline is not None:
        fields["pipeline_tag"] = pipeline
    if dataset is not None and _may_be_an_address(dataset.name):
        fields["datasets"] = [dataset.name]
    fields["model-index"] = [
        {
            "name": name_of(asked),
            "results": [
                {
                    "task": {"type": pipeline or network.task},
                    "dataset": {
                        "name": dataset.name if dataset is not None else "unnamed",
                        "type": dataset.name if dataset is not None else "unnamed",
                        "split": "test",
                    },
                    "metrics": [
                        {"type": METRICS[name], "name": name, "value": value}
                        for name, value in figures.items()
                    ],
                }
            ],
        }
    ]
    return fields


def name_of(asked: Mapping[str, Any]) -> str:
    """What the student is called: as a model where it becomes one, else as its job."""
    return str((asked.get("output") or asked)["name"])


def yaml(fields: Mapping[str, Any]) -> str:
    """YAML of mappings, lists, strings and numbers that every reader takes for the same."""
    return "\n".join(_lines(fields)) + "\n"


def _lines(value: Any, indent: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, entry in value.items():
            if isinstance(entry, Mapping | list):
                yield f"{indent}{name}:"
                yield from _lines(entry, indent + ("  " if isinstance(entry, Mapping) else ""))
            else:
                yield f"{indent}{name}: {_scalar(entry)}"
    else:
        for entry in value:
            first, *rest = _lines(entry, indent + "  ") if isinstance(entry, Mapping) else [_scalar(entry)]
            yield f"{indent}- {first.strip()}"
            yield from rest


def _scalar(value: Any) -> str:
    """A number in figures alone: to YAML 1.1, `1e-05` is a word."""
    return f"{value:.6f}" if isinstance(value, float) else json.dumps(value)


def _may_be_an_address(name: str) -> bool:
    """Whether the hub could have a dataset of that name."""
    return re.fullmatch(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?", name) is not None and not re.search(
        r"--|\.\.", name
    )
