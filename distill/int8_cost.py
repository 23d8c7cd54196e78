"""What a static 8-bit export would cost the student, and whether it must learn to bear that."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from distill.config.exports import Export
from distill.export.int8 import int8_outputs
from distill.export.source import CannotExport, Source
from distill.opening import Opened

AT_ONCE = 256
FOUND = "quantization"
"""Under this name the decision is kept, and told in the result."""


@dataclass(frozen=True)
class Int8Cost:
    """The main figure of the task on the labeled examples of validation, of the network in full and of the
    very file that would leave."""

    figure: str
    examples: int
    full: float
    int8: float
    max_drop: float
    """What the file may cost."""

    @property
    def is_too_high(self) -> bool:
        return self.full - self.int8 > self.max_drop

    def __str__(self) -> str:
        drop, allowed = self.full - self.int8, self.max_drop
        return (
            f"static int8 takes {self.figure} on {self.examples} validation examples from {self.full:.4f} to "
            f"{self.int8:.4f}, a drop of {drop:.4f} where {allowed:g} is allowed"
        )


class Decision:
    """Whether the stages that round are needed: decided once in a job, by the first student that comes to
    one. The other seeds and the controls do as it did, so that they can be compared.

    `found` is what attempts at the job hand on; the decision is kept there.
    """

    def __init__(self, opened: Opened, found: dict[str, Any], warn: Callable[[str, str], None]) -> None:
        self._opened = opened
        self._found = found
        self._warn = warn

    def __call__(self, module: nn.Module) -> bool:
        """Whether `module`, a student with what it has learned so far, must learn to be rounded."""
        if FOUND not in self._found:
            self._found[FOUND] = self._decided(module)
        return bool(self._found[FOUND]["needed"])

    def _decided(self, module: nn.Module) -> dict[str, Any]:
        try:
            cost = int8_cost(self._opened, module)
        except CannotExport as error:
            self._warn("quantization_stage_skipped", f"there will be no 8-bit file to learn for: {error}")
            return {"needed": False, "reason": str(error)}
        if cost.is_too_high:
            self._warn("quantization_stage_needed", f"{cost}: the student learns to be rounded")
        else:
            self._warn("quantization_stage_skipped", f"{cost}: the student is left as it is")
        return {"needed": cost.is_too_high, **asdict(cost)}


def int8_cost(opened: Opened, module: nn.Module) -> Int8Cost:
    """What static int8 would cost `module`, a student of this job, now.

    Raises:
        CannotExport: its 8-bit file cannot be made.
    """
    (export,) = (export for export in opened.document.exports if export.format == "onnx-int8")
    assert export.max_drop is not None
    science, validation = opened.science, opened.validation
    rows = validation.labeled_rows()
    full, rounded = _answers(opened, module, export, rows)

    def figure(outputs: Tensor) -> float:
        return science.scores(outputs, validation.labels[rows], rows).main()

    return Int8Cost(science.main_figure, len(rows), figure(full), figure(rounded), export.max_drop)


def _answers(opened: Opened, module: nn.Module, export: Export, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs (N, outputs) for these rows of validation, of a copy of the network on the CPU in full, and
    of its 8-bit file. Numbers are standardized in both, as the labels are."""
    network = opened.student_network.model_copy(update={"scale": None})
    copy = opened.fresh(network, seed=0)
    copy.load_state_dict(module.state_dict())
    copy = copy.cpu().eval()
    train, stored = opened.train.inputs, opened.validation.inputs
    assert isinstance(train, Tensor)
    assert isinstance(stored, Tensor)
    stored = stored[rows.to(stored.device)].cpu()
    with torch.inference_mode():
        full = torch.cat([copy(opened.preprocessor(chunk)) for chunk in torch.split(stored, AT_ONCE)])
    source = Source(network, copy, None, train, opened.document.seed)
    return full, int8_outputs(export, source, stored)
