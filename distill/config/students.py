"""Which network is built or taken up: the student of a job, and every other network that it makes."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from distill.config.architectures import ARCHITECTURES, HuggingFace
from distill.config.section import Later, Section

Reference = Annotated[str, StringConstraints(min_length=1, max_length=128)]
"""An id, a name, or `name@alias`; resolved to an id at submit."""


def _known_architecture(name: str) -> str:
    if name not in ARCHITECTURES:
        raise PydanticCustomError(
            "unknown_architecture",
            "there is no architecture '{name}'; there are: {known}",
            {"name": name, "known": ", ".join(ARCHITECTURES)},
        )
    return name


ArchitectureName = Annotated[str, AfterValidator(_known_architecture), Field(examples=["cnn"])]


class NetworkToBuild(Section):
    """An architecture by name, with its parameters."""

    architecture: ArchitectureName
    config: dict[str, Any] = {}


BlockNumber = Annotated[int, Field(ge=0, le=10_000)]


class FromTeacher(Section):
    """A student that starts with layers of its teacher (Sanh et al., 2019, section 3).

    `layers` names the teacher's blocks by number, from 0; `num_layers` spreads so many evenly.
    `width` keeps that share of the units inside each block, the most important ones.
    """

    layers: (
        Annotated[list[Annotated[int, Field(ge=0, le=10_000)]], Field(min_length=1, max_length=1000)] | None
    ) = None
    num_layers: Annotated[int, Field(ge=1, le=1000)] | None = None
    width: Annotated[float, Field(gt=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _which_layers(self) -> Self:
        if self.layers is not None and self.num_layers is not None:
            raise PydanticCustomError("two_choices", "give either layers or num_layers, not both")
        if self.layers is None and self.num_layers is None and self.width == 1:
            raise PydanticCustomError(
                "the_same_network", "give layers, num_layers or width; without one it is the teacher"
            )
        if self.layers is not None and sorted(set(self.layers)) != self.layers:
            raise PydanticCustomError("layers_out_of_order", "name each layer once, in rising order")
        return self


class Student(Section):
    """Exactly one way to get the student."""

    architecture: ArchitectureName | None = None
    config: dict[str, Any] = {}
    """Of the architecture; GET /v1/architectures says what each takes."""
    huggingface: HuggingFace | None = None
    from_teacher: FromTeacher | None = None
    model: Reference | None = None
    budget: Later = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        ways = (self.architecture, self.huggingface, self.from_teacher, self.model)
        if sum(way is not None for way in ways) != 1:
            raise PydanticCustomError(
                "one_student", "give exactly one of architecture, huggingface, from_teacher and model"
            )
        if self.config and self.architecture is None:
            raise PydanticCustomError(
                "two_configurations", "config belongs to architecture; a student made otherwise has none here"
            )
        return self

    def network(self) -> NetworkToBuild | None:
        """The architecture that is asked for and its parameters; None where another network decides."""
        if self.huggingface is not None:
            return NetworkToBuild(architecture="huggingface", config=self.huggingface.model_dump())
        if self.architecture is not None:
            return NetworkToBuild(architecture=self.architecture, config=self.config)
        return None
