"""One student of each kind for all tests here: torch takes seconds to draw its graph."""

import pytest
import torch

from distill.export.source import Source
from tests.distill import bert
from tests.distill.export import sources


@pytest.fixture(scope="package")
def images() -> Source:
    torch.set_num_threads(1)
    return sources.images()


@pytest.fixture(scope="package")
def numbers() -> Source:
    torch.set_num_threads(1)
    return sources.numbers()


@pytest.fixture(scope="package")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Source:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("teacher")
    bert.teacher(folder, layers=1)
    return sources.texts(folder / "tokenizer.json")
