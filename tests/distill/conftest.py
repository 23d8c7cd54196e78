from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from distill.config.networks import Dataset
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
