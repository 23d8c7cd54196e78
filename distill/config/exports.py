"""In which formats a student leaves, and what each may lose. Torch-free."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from distill.config.section import Section

Format = Literal["safetensors", "huggingface", "onnx", "onnx-fp16", "onnx-int8", "executorch"]


class Calibration(Section):
    """Examples of train by which the ranges of 8-bit activations are found."""

    examples: Annotated[int, Field(ge=1, le=100_000)] = 512


class Export(Section):
    """One file, or folder, that runs the student in a runtime of its own."""

    format: Format
    calibration: Calibration | None = None
    """Of onnx-int8: what a network that is no transformer needs."""
    max_drop: Annotated[float, Field(ge=0, le=1)] | None = None
    """Of onnx-int8: how much of the main figure it may cost, in that figure's units."""

    @model_validator(mode="before")
    @classmethod
    def _a_word_or_a_section(cls, value: Any) -> Any:
        filled = {"format": value} if isinstance(value, str) else value
        if isinstance(filled, dict) and filled.get("format") == "onnx-int8":
            given = {name: entry for name, entry in filled.items() if entry is not None}
            return {"calibration": Calibration(), "max_drop": 0.01} | given
        return filled

    @model_validator(mode="after")
    def _only_where_numbers_are_rounded(self) -> Self:
        for field in ("calibration", "max_drop"):
            if self.format != "onnx-int8" and getattr(self, field) is not None:
                raise PydanticCustomError("export_unfit", "{field} belongs to onnx-int8", {"field": field})
        return self
