"""Models: what is asked for, and what is shown."""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from api.schemas.inputs import FileId, Label, License, Rejection, Status, not_yet
from api.schemas.shared import Moment, Read
from distill.config.names import Name
from distill.config.networks import Input, Layer, Preprocessing
from distill.config.section import Later, Section
from distill.config.students import ArchitectureName
from distill.config.tasks import TASKS, InputKind, Target, Task


def _regular_expression(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise PydanticCustomError(
            "not_a_regular_expression", "not a regular expression: {why}", {"why": str(error)}
        ) from None
    return pattern


class KeyRename(Section):
    """A regular expression on parameter names, and what replaces its match."""

    from_: Annotated[str, AfterValidator(_regular_expression), Field(alias="from", max_length=500)]
    to: Annotated[str, Field(max_length=500)]


_SHAPES: dict[InputKind, tuple[str, ...]] = {
    "image": ("channels", "height", "width"),
    "tabular": ("features",),
    "text": ("length",),
}


class DeclaredInput(Section):
    """One example without the batch dimension: (channels, height, width), (features,) or (length,)."""

    shape: Annotated[
        list[Annotated[int, Field(ge=1, le=1_000_000)]],
        Field(min_length=1, max_length=3, examples=[[1, 8, 8]]),
    ]
    dtype: Literal["uint8", "float32", "int64"] = "float32"
    layout: Literal["CHW"] = "CHW"

    def of(self, task: Task | None) -> Input:
        """The same with its kind: of a task that takes one kind alone that, else as many dimensions tell."""
        kinds = TASKS[task].inputs if task is not None else ()
        kind: InputKind = "image" if len(self.shape) == len(_SHAPES["image"]) else "tabular"
        return Input(kind=kinds[0] if len(kinds) == 1 else kind, shape=self.shape, dtype=self.dtype)


def _in_the_zip(tokenizer: Any) -> None:
    if tokenizer is not None:
        raise PydanticCustomError(
            "tokenizer_in_zip", "the tokenizer comes in the Hugging Face zip; leave this out"
        )


class DeclaredPreprocessing(Preprocessing):
    tokenizer: Annotated[None, BeforeValidator(_in_the_zip)] = None
    """Comes in the Hugging Face zip."""


class Claims(Section):
    """What the owner says of the model; shown beside what is measured, never used."""

    accuracy: Annotated[float, Field(ge=0, le=1)] | None = None


class ModelToRegister(Section):
    """An uploaded checkpoint under a name. A known name gets its next version."""

    name: Name
    file_id: FileId
    source: Later = None
    format: Literal["auto", "state-dict", "safetensors", "huggingface"] = "auto"
    task: Task | None = None
    architecture: ArchitectureName | None = None
    config: dict[str, Any] | None = None
    input: DeclaredInput | None = None
    preprocessing: DeclaredPreprocessing | None = None
    labels: Annotated[list[Label], Field(min_length=1, max_length=100_000)] | None = None
    """The names of its outputs in order: classes, labels, tags or numbers. An embedding has none."""
    key_map: Annotated[list[KeyRename], Field(max_length=100)] = []
    state_dict_key: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    license: License | None = None
    claims: Claims | None = None

    @field_validator("format", mode="before")
    @classmethod
    def _later_formats(cls, form: Any) -> Any:
        return not_yet(form, ("onnx", "outputs"), "the model format")

    @field_validator("input")
    @classmethod
    def _shape_of_its_kind(cls, input: DeclaredInput | None, info: ValidationInfo) -> DeclaredInput | None:
        if input is not None:
            kind = input.of(info.data.get("task")).kind
            if len(input.shape) != len(_SHAPES[kind]):
                raise PydanticCustomError(
                    "shape_unfit",
                    "the shape of {kind} input is [{wanted}], without the batch; {shape} is given",
                    {"kind": kind, "wanted": ", ".join(_SHAPES[kind]), "shape": str(input.shape)},
                )
        return input

    @field_validator("labels")
    @classmethod
    def _labels_of_its_target(cls, labels: list[str] | None, info: ValidationInfo) -> list[str] | None:
        if labels is None:
            return None
        task: Task | None = info.data.get("task")
        target: Target = TASKS[task].target if task is not None else "class"
        if target == "embedding":
            raise PydanticCustomError("no_labels", "an embedding has no labels; leave this out")
        if target in ("class", "tag") and len(labels) < 2:
            raise PydanticCustomError("too_few_labels", "a network that tells classes apart has two or more")
        if len(set(labels)) < len(labels):
            raise PydanticCustomError("repeated_label", "a label stands twice in the list")
        return labels

    def declared(self) -> dict[str, Any]:
        """What is kept of the request; the inspection reads what concerns it."""
        said = self.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"file_id"})
        if self.input is not None:
            said["input"] = self.input.of(self.task).model_dump(mode="json")
        return said


class ModelRead(Read):
    """One immutable version of a network."""

    id: str
    object: Literal["model"] = "model"
    name: str
    version: int
    status: Status
    file_id: str | None
    job_id: str | None
    """The job whose student this is."""
    conclusion: str | None
    """That job's; null of an upload."""
    aliases: list[str]
    """Those that point to this version: `name@alias`."""
    task: Task | None
    architecture: str | None
    config: dict[str, Any] | None
    labels: list[str] | None
    """In the order of the outputs; null where nobody said."""
    input: Input | None
    preprocessing: Preprocessing | None
    parameters: int | None
    size_bytes: int | None
    layers: list[Layer]
    report: dict[str, Any]
    """What the inspection stripped, mapped and found."""
    license: str | None
    claims: Claims | None
    problem: Rejection | None
    created_at: Moment
    inspected_at: Moment | None


class ArchitectureRead(Read):
    name: str
    description: str
    config_schema: dict[str, Any]
    """JSON schema of `config`."""
