from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch
from torch import Tensor

from distill.config.networks import Dataset
from distill.export.separately import _examples
from tests.distill import folders


@dataclass(frozen=True)
class Inspected:
    """A dataset, and the folder in which its splits lie."""

    dataset: Dataset
    splits: Path


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Inspected:
    folder = tmp_path_factory.mktemp("digits")
    return Inspected(folders.digits(folder), folder)


@pytest.fixture
def verified_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """`load.py` is run here, which takes no seconds: that it needs nothing else is proved in test_recipe."""

    def outputs(student: Path, split: Path, *, like: Tensor, heed: Callable[[], None]) -> Tensor:
        spec = spec_from_file_location("load", student / "load.py")
        assert spec is not None
        assert spec.loader is not None
        load = module_from_spec(spec)
        spec.loader.exec_module(load)
        answered = load.predict(load.load(student), _examples(load.read_safetensors(split)))
        if isinstance(answered, list):
            words = torch.cat(answered)
            answered = words[~words.isnan().all(dim=1)]
        assert answered.shape == like.shape
        return torch.as_tensor(answered)

    monkeypatch.setattr("distill.conclusion.outputs_outside", outputs)
