"""A student is run outside, and what goes wrong there is told."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from distill.export.verify import RefusedToRun, outputs_outside

LOADER = """
import struct, json, torch
class Student:
    target = "class"
def read_safetensors(path):
    return {"features": torch.zeros(3, 2)}
def load(folder):
    return Student()
def predict(student, examples):
    return ANSWER
"""


def student(folder: Path, answer: str) -> Path:
    """A folder whose `load.py` answers every chunk with `answer`."""
    (folder / "student").mkdir()
    (folder / "student" / "load.py").write_text(LOADER.replace("ANSWER", answer))
    return folder / "student"


def outside(folder: Path, answer: str) -> torch.Tensor:
    split = folder / "test.safetensors"
    save_file({"features": torch.zeros(3, 2)}, split)
    return outputs_outside(student(folder, answer), split, like=torch.zeros(3, 2), heed=lambda: None)


def test_what_the_loader_answers_comes_back_as_it_is(tmp_path: Path) -> None:
    assert outside(tmp_path, "examples + 1.5").tolist() == [[1.5, 1.5]] * 3


def test_another_number_of_answers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedToRun, match="gave 4 numbers where 6 were measured"):
        outside(tmp_path, "examples[:2]")


def test_a_loader_that_fails_is_told_by_the_last_line_that_it_said(tmp_path: Path) -> None:
    with pytest.raises(RefusedToRun, match="ValueError: no such weights"):
        outside(tmp_path, "exec('raise ValueError(\"no such weights\")')")
