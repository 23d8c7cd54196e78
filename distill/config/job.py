"""The job document: request body, `job.yaml`, stored spec and `config.json` in the artifact."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from distill.config.exports import Export
from distill.config.gates import Gate
from distill.config.losses import Cosine, HardTarget, LossTerm, MseLogits, SoftTarget
from distill.config.names import MetadataKey, Name
from distill.config.schedules import is_ever_positive
from distill.config.section import Later, Section
from distill.config.students import Reference, Student
from distill.config.tasks import TASKS, Task
from distill.config.teachers import Assistant, OneOfTeachers, Teacher
from distill.config.training import Training


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

    device: Literal["cpu", "cuda"] = "cpu"
    threads: Annotated[int, Field(ge=1, le=256)] = 1
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 1


class Evaluation(Section):
    control: bool = True
    controls: Annotated[
        list[Literal["hard_labels", "teacher_argmax"]],
        Field(description="hard_labels is always among them unless control is false."),
    ] = ["hard_labels"]
    seeds: Annotated[int, Field(ge=1, le=20, description="Students, each with its control.")] = 1
    latency: Latency = Latency()


class Output(Section):
    """The model version that a finished student becomes."""

    name: Name
    alias: Name | None = None
    """Moves to the new version, where every gate passed."""


class Resources(Section):
    gpus: Annotated[int, Field(ge=0, le=1)] = 0


class Limits(Section):
    max_runtime_s: Annotated[int, Field(ge=1, le=30 * 86_400)] = 86_400
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 3


MetadataValue = Annotated[str, StringConstraints(max_length=512)]
Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=16)]


class Stage(Section):
    """A part of the training, with losses and a length of its own. The weights go on into the next."""

    name: Name
    losses: Annotated[list[LossTerm], Field(min_length=1, max_length=32)]
    training: Training = Training()
    quantize: Literal["int8"] | None = None
    """Learn with weights and activations rounded as an 8-bit export rounds them; left out where that
    export costs no more than it may on the validation split."""

    @field_validator("losses", mode="after")
    @classmethod
    def _something_to_learn(cls, losses: list[Any]) -> list[Any]:
        if not any(is_ever_positive(term.weight) for term in losses):
            raise PydanticCustomError("no_weight", "at least one loss needs a weight above 0")
        kinds = [term.kind for term in losses]
        if len(set(kinds)) != len(kinds):
            raise PydanticCustomError("repeated_loss", "each kind of loss may be listed once")
        return losses


def in_full(stages: list[Stage]) -> list[Stage]:
    """Those that do not round: what a network goes through of which there will be no 8-bit file."""
    return [stage for stage in stages if stage.quantize is None]


ONLY_STAGE = "training"
"""The name of the one stage of a job that lists no stages."""


STAGE_OF_ASSISTANT = "assistant"
"""The name of the one stage of an assistant that has losses or training of its own."""


class JobDocument(Section):
    """Everything that a distillation job is, as its user wrote it."""

    version: Literal[1] = 1
    name: Name
    task: Task
    teacher: Teacher | None = None
    teachers: Annotated[list[OneOfTeachers], Field(min_length=2, max_length=16)] | None = None
    combine: Literal["mean", "weighted", "most_confident"] = "mean"
    via: Assistant | None = None
    dataset: Reference
    labels: Labels = Labels()
    student: Student
    losses: Annotated[list[LossTerm], Field(min_length=1, max_length=32)] | None = None
    training: Training | None = None
    stages: Annotated[list[Stage], Field(min_length=1, max_length=16)] | None = None
    evaluation: Evaluation = Evaluation()
    gates: Annotated[list[Gate], Field(max_length=64)] = []
    exports: Annotated[list[Export], Field(max_length=16)] = [Export(format="safetensors")]
    """safetensors is always among them."""
    output: Output | None = None
    resources: Resources = Resources()
    limits: Limits = Limits()
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    dedupe_key: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    metadata: Metadata = {}

    @property
    def course(self) -> list[Stage]:
        """The stages of the student's training, in order: at least one."""
        if self.stages is not None:
            return self.stages
        assert self.losses is not None
        assert self.training is not None
        return [Stage(name=ONLY_STAGE, losses=self.losses, training=self.training)]

    @property
    def has_control(self) -> bool:
        """Whether there is a control by labels: embeddings have none that are not the teacher's word."""
        return self.evaluation.control and TASKS[self.task].target != "embedding"

    @property
    def course_of_assistant(self) -> list[Stage]:
        """The stages of the network between teacher and student: the student's, or the one of its own."""
        if self.via is None or (self.via.losses is None and self.via.training is None):
            return self.course
        first = self.course[0]
        own = Stage(
            name=STAGE_OF_ASSISTANT,
            losses=self.via.losses or first.losses,
            training=self.via.training or first.training,
        )
        return [own]

    @property
    def seed(self) -> int:
        """What every draw of the job that is no stage's own begins with."""
        return self.course[0].training.seed

    @property
    def uploaded_teachers(self) -> list[OneOfTeachers]:
        """The models that teach: one or several; none where the job makes its teacher itself."""
        if self.teachers is not None:
            return self.teachers
        return [OneOfTeachers(model=self.teacher)] if isinstance(self.teacher, str) else []

    @model_validator(mode="before")
    @classmethod
    def _one_stage_or_a_list(cls, value: Any) -> Any:
        if not isinstance(value, dict) or value.get("stages") is not None:
            return value
        filled = dict(value)
        if filled.get("losses") is None:
            filled["losses"] = _usual_losses(filled.get("task"))
        if filled.get("training") is None:
            filled["training"] = Training()
        return filled

    @model_validator(mode="after")
    def _no_two_courses(self) -> Self:
        if self.stages is not None and (self.losses is not None or self.training is not None):
            raise PydanticCustomError(
                "two_courses",
                "losses and training belong into the stages where these are listed",
                {"field": "training" if self.losses is None else "losses"},
            )
        return self

    @model_validator(mode="after")
    def _one_or_several_teachers(self) -> Self:
        if (self.teacher is None) == (self.teachers is None):
            raise PydanticCustomError(
                "one_teacher",
                "give exactly one of teacher and teachers",
                {"field": "teacher" if self.teachers is None else "teachers"},
            )
        if self.teachers is None and self.combine != "mean":
            raise PydanticCustomError(
                "nothing_to_combine", "combine needs teachers, a list of two or more", {"field": "combine"}
            )
        return self

    @field_validator("exports", mode="after")
    @classmethod
    def _each_format_once(cls, exports: list[Export]) -> list[Export]:
        formats = [export.format for export in exports]
        if len(set(formats)) != len(formats):
            raise PydanticCustomError("repeated_export", "each format may be listed once")
        usual = [] if "safetensors" in formats else [Export(format="safetensors")]
        return [*exports, *usual]  # behind them, so that a pointer into the list as it was given holds

    @property
    def incumbents(self) -> list[str]:
        """The models beside which gates put the student, each once, in their order."""
        return list(dict.fromkeys(gate.incumbent for gate in self.gates if gate.incumbent is not None))

    @field_validator("losses", mode="after")
    @classmethod
    def _losses_of_a_stage(cls, losses: list[Any] | None) -> list[Any] | None:
        return losses if losses is None else Stage._something_to_learn(losses)


def _usual_losses(task: Any) -> list[Any]:
    """What a job without `losses` minimizes."""
    match task:
        case "regression":
            return [MseLogits(weight=0.9), HardTarget()]
        case "feature-extraction":
            return [Cosine()]
    return [SoftTarget(), HardTarget()]
