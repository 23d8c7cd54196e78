"""The job document: request body, `job.yaml`, stored spec and `config.json` in the artifact."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from distill.config.architectures import ARCHITECTURES, HuggingFace
from distill.config.losses import HardTarget, LossTerm, SoftTarget
from distill.config.names import MetadataKey, Name
from distill.config.section import Later, Section
from distill.config.training import Training

Reference = Annotated[str, StringConstraints(min_length=1, max_length=128)]
"""An id, a name, or `name@alias`; resolved to an id at submit."""

Task = Literal["image-classification", "text-classification", "tabular-classification"]
LATER_TASKS = ("token-classification", "regression", "feature-extraction", "text-generation")


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


class TeacherTraining(NetworkToBuild):
    training: Training = Training()


class TeacherToTrain(Section):
    """A teacher that the job itself trains first, on every label of the training split."""

    train: TeacherTraining


def _kind_of_teacher(value: Any) -> str:
    return "to-train" if isinstance(value, dict | TeacherToTrain) else "reference"


Teacher = Annotated[
    Annotated[Reference, Tag("reference")] | Annotated[TeacherToTrain, Tag("to-train")],
    Discriminator(_kind_of_teacher),
]


class Student(Section):
    """Exactly one way to get the student."""

    architecture: ArchitectureName | None = None
    config: dict[str, Any] = {}
    """Of the architecture; GET /v1/architectures says what each takes."""
    huggingface: HuggingFace | None = None
    from_teacher: Later = None
    model: Later = None
    budget: Later = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.architecture is None) == (self.huggingface is None):
            raise PydanticCustomError("one_student", "give exactly one of architecture and huggingface")
        if self.huggingface is not None and self.config:
            raise PydanticCustomError(
                "two_configurations", "config belongs to architecture; put its fields under huggingface"
            )
        return self

    def network(self) -> NetworkToBuild:
        """The same student as an architecture and its parameters."""
        if self.huggingface is not None:
            return NetworkToBuild(architecture="huggingface", config=self.huggingface.model_dump())
        assert self.architecture is not None
        return NetworkToBuild(architecture=self.architecture, config=self.config)


class Labels(Section):
    """How many labels the student and its control may see; the rest is the teacher's word alone."""

    fraction: Annotated[float, Field(gt=0, le=1)] | None = None
    count: Annotated[int, Field(ge=1)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    column: Later = None

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        if self.fraction is not None and self.count is not None:
            raise PydanticCustomError("two_amounts", "give either fraction or count, not both")
        return self


class Latency(Section):
    """The stated target on which latency is measured."""

    device: Literal["cpu"] = "cpu"
    threads: Annotated[int, Field(ge=1, le=256)] = 1
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 1


class Evaluation(Section):
    control: bool = True
    controls: list[Literal["hard_labels"]] = ["hard_labels"]
    seeds: Annotated[int, Field(ge=1, le=1)] = 1
    latency: Latency = Latency()


class Output(Section):
    """The model version that a finished student becomes."""

    name: Name
    alias: Later = None


class Resources(Section):
    gpus: Annotated[int, Field(ge=0, le=1)] = 0


class Limits(Section):
    max_runtime_s: Annotated[int, Field(ge=1, le=30 * 86_400)] = 86_400
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3


MetadataValue = Annotated[str, StringConstraints(max_length=512)]
Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=16)]


class JobDocument(Section):
    """Everything that a distillation job is, as its user wrote it."""

    version: Literal[1] = 1
    name: Name
    task: Task
    teacher: Teacher
    teachers: Later = None
    combine: Later = None
    via: Later = None
    dataset: Reference
    labels: Labels = Labels()
    student: Student
    losses: Annotated[list[LossTerm], Field(min_length=1, max_length=32)] = [SoftTarget(), HardTarget()]
    training: Training = Training()
    stages: Later = None
    evaluation: Evaluation = Evaluation()
    gates: Later = None
    exports: list[Literal["safetensors"]] = ["safetensors"]
    output: Output | None = None
    resources: Resources = Resources()
    limits: Limits = Limits()
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    dedupe_key: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    metadata: Metadata = {}

    @field_validator("task", mode="before")
    @classmethod
    def _later_tasks(cls, task: Any) -> Any:
        if task in LATER_TASKS:
            raise PydanticCustomError(
                "not_available_yet", "the task '{task}' is not available in this version yet", {"task": task}
            )
        return task

    @field_validator("exports", mode="before")
    @classmethod
    def _later_exports(cls, exports: Any) -> Any:
        for export in exports if isinstance(exports, list) else ():
            form = export.get("format") if isinstance(export, dict) else export
            if form in ("onnx", "onnx-int8", "onnx-fp16", "huggingface", "executorch"):
                raise PydanticCustomError(
                    "not_available_yet",
                    "the export '{form}' is not available in this version yet",
                    {"form": form},
                )
        return exports

    @field_validator("losses", mode="after")
    @classmethod
    def _something_to_learn(cls, losses: list[Any]) -> list[Any]:
        if not any(term.weight > 0 for term in losses):
            raise PydanticCustomError("no_weight", "at least one loss needs a weight above 0")
        kinds = [term.kind for term in losses]
        if len(set(kinds)) != len(kinds):
            raise PydanticCustomError("repeated_loss", "each kind of loss may be listed once")
        return losses
