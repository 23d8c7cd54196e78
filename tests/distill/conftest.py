from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from distill.config.networks import Dataset
from distill.proof.bench import Proof, Shown
from distill.proof.programs.serve import Examples
from distill.proof.programs.torch_folder import TorchFolder
from distill.proof.subjects import Setting, Subject
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

    def prove(subjects: Sequence[Subject], setting: Setting, *, outputs: int, **_: object) -> Proof:
        (student,) = subjects
        request = setting.request(student)
        folder = TorchFolder(request, None)
        chunks = Examples(Path(request["split"])).chunks(request["chunk"])
        answered = torch.cat([torch.from_numpy(folder.answer(chunk)) for chunk in chunks])
        assert answered.shape[1] == outputs
        return {"student": Shown(folder.name, peak_memory_bytes=None, outputs=answered)}

    monkeypatch.setattr("distill.proof.whole.prove", prove)
