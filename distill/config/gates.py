"""What must hold of a student before it may leave: gates. Torch-free."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from distill.config.section import Section
from distill.config.students import Reference

Metric = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Subject = Annotated[str, StringConstraints(pattern=r"^(student|export:[a-z0-9-]+)$")]
Bound = Annotated[float, Field(allow_inf_nan=False)]


class Gate(Section):
    """One condition on one figure of the student or of an export.

    Relative to nothing, `min` and `max` bound the figure itself. Relative to the teacher, the control or
    another model they bound its ratio to, or its difference from, the same figure of that one.
    """

    metric: Metric
    """`accuracy`, `per_class_accuracy.<label>`, `agreement`, `size_bytes`, `latency_ms.p95`, ..."""
    on: Subject = "student"
    relative_to: Reference | None = None
    """`teacher`, `control`, or a model: `name@alias`, a name or an id."""
    compare: Literal["ratio", "difference"] | None = None
    """Where relative; ratio unless given."""
    min: Bound | None = None
    max: Bound | None = None
    decide: Literal["bound", "point"] = "bound"
    """`bound`: the whole 95% interval must hold; where only part of it does, the gate is inconclusive.
    `point`: the figure as measured decides."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.min is None and self.max is None:
            raise PydanticCustomError("gate_without_bound", "give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise PydanticCustomError("gate_impossible", "min is above max: nothing can pass")
        if self.compare is not None and self.relative_to is None:
            raise PydanticCustomError("nothing_to_compare", "compare needs relative_to", {"field": "compare"})
        return self

    @property
    def incumbent(self) -> str | None:
        """The model beside which this gate puts the student, where it names one."""
        return None if self.relative_to in (None, "teacher", "control") else self.relative_to

    @property
    def format(self) -> str | None:
        """The export that this gate is on; None where it is on the student."""
        return None if self.on == "student" else self.on.removeprefix("export:")
