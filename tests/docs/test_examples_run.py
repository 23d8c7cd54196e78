"""The examples of `docs/distill.md` on the digits, each trained for a few updates."""

from pathlib import Path
from typing import Any

import pytest
import torch

from distill.config.events import Measured, Resolved
from distill.config.job import JobDocument
from distill.config.losses import LayerTerm
from tests.distill import folders
from tests.distill.folders import of_kind, stage
from tests.distill.jobs import trained_until_evaluation
from tests.docs.examples import DOCUMENTS

STEPS = 3


def needs_no_upload(document: dict[str, Any]) -> bool:
    parsed = JobDocument.model_validate(document)
    return document["dataset"] == "digits" and not parsed.uploaded_teachers and not parsed.student.model


ON_DIGITS = {name: document for name, document in DOCUMENTS.items() if needs_no_upload(document)}


def shortened(node: Any) -> Any:
    """The same with a few updates for every network that is trained."""
    if isinstance(node, list):
        return [shortened(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    few = {name: shortened(value) for name, value in node.items()}
    if isinstance(training := few.get("training"), dict):
        few["training"] = {**training, "epochs": None, "steps": STEPS}
    return few


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("digits")


@pytest.mark.parametrize("name", ON_DIGITS)
def test_an_example_trains_by_the_terms_that_it_names(name: str, splits: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    dataset = folders.digits(splits)
    document = shortened(ON_DIGITS[name])

    heard = trained_until_evaluation(stage(tmp_path / "job", document, dataset, splits))

    (resolved,) = of_kind(heard, Resolved)
    for section in (term for part in resolved.stages for term in part.losses):
        assert not isinstance(section, LayerTerm) or section.layers != "auto"
    measured = [event for event in of_kind(heard, Measured) if event.run == "student"]
    asked = {f"train.loss.{term.kind}" for part in resolved.stages for term in part.losses}
    assert asked <= {figure for event in measured for figure in event.values}
    assert max(event.step for event in measured) == STEPS * len(resolved.stages)
