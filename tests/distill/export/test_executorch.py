"""A student as an ExecuTorch program. ExecuTorch is an extra: most of this is left out without it."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from distill.config.exports import Export
from distill.export import executorch
from distill.export.formats import make
from distill.export.source import CannotExport, Source
from tests.distill.export.sources import answers

PROGRAM = Export(format="executorch")


def test_without_it_the_command_that_installs_it_is_told(
    numbers: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executorch, "is_installed", lambda: False)
    with pytest.raises(CannotExport, match=r"pip install 'limbeck-server\[executorch\]'"):
        make(PROGRAM, numbers, tmp_path)


@pytest.mark.skipif(find_spec("executorch") is None, reason="executorch is not installed")
@pytest.mark.timeout(600)  # it builds its patterns of operators anew in each process
@pytest.mark.filterwarnings("ignore")  # its runtime calls itself experimental
def test_a_program_answers_one_example_at_a_time_as_the_student(images: Source, tmp_path: Path) -> None:
    from executorch.runtime import Runtime

    made = make(PROGRAM, images, tmp_path)
    assert isinstance(images.training, torch.Tensor)
    method = Runtime.get().load_program(tmp_path / "student.pte").load_method("forward")

    for number in range(3):
        one = images.training[number : number + 1].contiguous()
        torch.testing.assert_close(method.execute([one])[0], answers(images, one), rtol=1e-4, atol=1e-5)

    assert made.inputs[0]["shape"] == [1, 3, 12, 14]
    assert made.runtime.startswith("executorch ")
