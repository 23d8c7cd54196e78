"""Of what a student was made: who taught it, on what data, and what they allow."""

from collections.abc import Iterator, Mapping
from typing import Any

from distill.card.licenses import UNKNOWN, license_fields
from distill.card.words import text
from distill.config.folder import Registered, Registry
from distill.config.networks import Dataset

_MADE_HERE = {
    "train": "Its teacher, `{architecture}`, was trained in the same job, on every label of train.",
    "mutual": "It had no teacher: it and a second student, `{architecture}`, learned from each other.",
    "self_distillation": "It had no larger teacher: it learned from an earlier generation of itself.",
}


def teachers_of(report: Mapping[str, Any], registry: Registry) -> Iterator[str]:
    """Who taught it, and what it started from."""
    asked = report["asked"]
    if registry.teachers:
        for teacher in registry.teachers:
            yield f"- {_named(teacher)}, license: {_license(teacher)}."
        if len(registry.teachers) > 1:
            yield f"Together they answer as one: {text(asked['combine'])}."
    elif isinstance(asked.get("teacher"), dict):
        (kind,) = asked["teacher"]
        network = asked["teacher"][kind].get("architecture", "")
        yield _MADE_HERE[kind].format(architecture=network)
    else:
        yield "Its job did not say what its teacher is called."
    if registry.student is not None:
        yield (
            f"It did not start from nothing, but from {_named(registry.student)}, license: "
            f"{_license(registry.student)}."
        )
    stages = report["stages"]
    terms = dict.fromkeys(f"`{loss['kind']}`" for stage in stages for loss in stage["losses"])
    in_stages = f", in {len(stages)} stages" if len(stages) > 1 else ""
    yield f"It learned by {', '.join(terms)}{in_stages}."


def data_of(report: Mapping[str, Any], dataset: Dataset, registry: Registry) -> Iterator[str]:
    """On what it was trained, chosen and measured."""
    if registry.dataset is not None:
        yield f"{_named(registry.dataset)}, license: {_license(registry.dataset)}."
    counts = ", ".join(f"{split.examples:,} {name}" for name, split in dataset.splits.items())
    labels = report["result"].get("labels") or {}
    seen = labels.get("seen")
    with_labels = f" Of the training examples it saw {seen:,} labels." if seen else ""
    yield f"Examples: {counts}.{with_labels} Choices were made by validation; test was read at the end alone."


def license_of(registry: Registry) -> Iterator[str]:
    """What the models that are in it allow, as far as anybody told. No legal advice."""
    if not registry.models:
        yield (
            "No model of somebody else's is in it, as far as its job knows. Under what license it is passed "
            "on is for whoever made it to say; nobody told."
        )
        return
    fields = license_fields(registry.models)
    untold = [model for model in registry.models if model.license is None]
    if fields["license"] == UNKNOWN:
        names = ", ".join(_named(model) for model in untold)
        yield f"Nobody told the license of {names} at its registration. Ask before you pass the student on."
    elif "license_name" in fields:
        told = ", ".join(dict.fromkeys(_license(model) for model in registry.models))
        yield f"It is made of what is under these licenses, and each of them binds it: {told}."
    else:
        yield f"It is passed on under the license of what it was made of: {_license(registry.models[0])}."


def _named(row: Registered) -> str:
    return f"**{text(row.name)}** version {row.version} (`{row.id}`)"


def _license(row: Registered) -> str:
    return text(row.license) if row.license is not None else "nobody told"
