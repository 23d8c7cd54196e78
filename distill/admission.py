"""What only a built network can tell: do all that take part fit each other and the memory?

Asked before anything trains: by a plan on the meta device, and by a run in its phase `inspecting`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from torch import nn

from distill import models
from distill.cast import Cast, cast, rejected_at
from distill.config.exporting import NO_TRANSFORMER, TRANSFORMER
from distill.config.job import JobDocument, Stage
from distill.config.networks import Dataset, Network
from distill.config.rounding import NOT_OF_TRANSFORMERS
from distill.config.teachers import Mutual, SelfTaught, TeacherToTrain
from distill.config.training import Training
from distill.export import executorch
from distill.fitting import shown
from distill.footprint import Footprint, bytes_of_projectors, training_footprint, weights_alone
from distill.layers.anatomy import Anatomy, anatomy
from distill.rejection import Rejected
from distill.tuition import Tuition, tuitions

Device = Literal["meta", "cpu"]


@dataclass(frozen=True)
class Admission:
    """Facts of a job that may go ahead."""

    cast: Cast
    tuitions: dict[str, Tuition]
    """Of `student`, and of `assistant` or `peer` where there is one: from whom it learns, and in which
    stages, every layer named."""
    student: Footprint
    teachers: list[Footprint]
    assistant: Footprint | None
    makes_teacher: bool
    """Whether the job trains it first."""
    together: bool
    """Whether student and teacher train at the same time."""

    @property
    def memory_bytes(self) -> int:
        """The most that is needed at any time: whatever the job makes trains one after another, and
        beside it are those that it learns from."""
        if self.together:
            return self.student.training_bytes + self.teachers[0].training_bytes
        weights = sum(teacher.size_bytes for teacher in self.teachers)
        answering = weights + max(teacher.activation_bytes for teacher in self.teachers)
        if self.makes_teacher:
            answering = weights
        moments = [self.student.training_bytes + (self.assistant.size_bytes if self.assistant else answering)]
        if self.assistant:
            moments.append(self.assistant.training_bytes + answering)
        if self.makes_teacher:
            moments.append(self.teachers[0].training_bytes)
        return max(moments)

    @property
    def course(self) -> list[Stage]:
        """The student's stages, every layer named."""
        return self.tuitions["student"].course


def admit(
    document: JobDocument,
    teachers: list[Network],
    dataset: Dataset,
    *,
    start: Network | None = None,
    memory_bytes: int | None = None,
    device: Device = "meta",
) -> Admission:
    """Check a job whose teachers are these, or which makes its teacher itself where there are none.

    `start` is the model that its student starts from. `memory_bytes` is what the machine that trains
    has; None leaves memory unchecked. The networks are looked at on `device`: on `meta` they take no
    memory, on the CPU torch has less to load.

    Raises:
        Rejected: with `details["pointer"]`, the place in the document.
    """
    parts = cast(document, teachers, dataset, start)
    _require_layers_to_round(document, parts.student)
    _require_runtimes(document, parts.student)
    scales = _Scales(document, parts, memory_bytes, device)
    student, assistant = scales.student(), scales.assistant()
    weighed = [student] if isinstance(document.teacher, SelfTaught) else scales.teachers()
    taught = tuitions(
        document,
        student=student.anatomy,
        teacher=weighed[0].anatomy,
        assistant=assistant.anatomy if assistant else None,
    )
    return Admission(
        cast=parts,
        tuitions=taught,
        student=_with_projectors(student.footprint, taught["student"]),
        teachers=[teacher.footprint for teacher in weighed],
        assistant=assistant.footprint if assistant else None,
        makes_teacher=not teachers,
        together=isinstance(document.teacher, Mutual),
    )


def _require_layers_to_round(document: JobDocument, student: Network) -> None:
    """Refuse to train a transformer as a static 8-bit export would round it: it has none."""
    if student.architecture != TRANSFORMER:
        return
    for number, stage in enumerate(document.course):
        if stage.quantize is not None:
            pointer = f"/stages/{number}/quantize"
            raise Rejected("quantize_unfit", "user", *NOT_OF_TRANSFORMERS, {"pointer": pointer})


def _require_runtimes(document: JobDocument, student: Network) -> None:
    """Refuse a format that this student, or this machine, has not."""
    for number, export in enumerate(document.exports):
        pointer = {"pointer": f"/exports/{number}"}
        if export.format == "huggingface" and student.architecture != TRANSFORMER:
            raise Rejected("export_unfit", "user", *NO_TRANSFORMER, pointer)
        if export.format == "executorch" and not executorch.is_installed():
            raise Rejected("export_not_installed", "user", *executorch.NOT_INSTALLED, pointer)


def require_memory(needs: Footprint, memory_bytes: int | None, who: str, pointer: str) -> None:
    """Refuse what cannot train in the memory that is there, with both figures."""
    if memory_bytes is None or needs.training_bytes <= memory_bytes:
        return
    raise Rejected(
        f"{who}_too_large",
        "user",
        f"to train, this {who} of {needs.parameters:,} parameters needs about "
        f"{needs.training_bytes / 1e9:,.1f} GB of memory; there are {memory_bytes / 1e9:,.1f} GB",
        f"make the {who} smaller, or `training.batch_size`",
        {"pointer": pointer, "needed_bytes": needs.training_bytes, "memory_bytes": memory_bytes},
    )


@dataclass(frozen=True)
class _Weighed:
    footprint: Footprint
    anatomy: Anatomy


@dataclass(frozen=True)
class _Scales:
    """Builds networks to see what they need to train, or where nothing trains them, to answer."""

    document: JobDocument
    cast: Cast
    memory_bytes: int | None
    device: Device

    def student(self) -> _Weighed:
        return self._weighed(self.cast.student, "student", "/student", self._of_student)

    def assistant(self) -> _Weighed | None:
        if self.document.via is None:
            return None
        assert self.cast.assistant is not None
        trainings = [stage.training for stage in self.document.course_of_assistant]
        return self._weighed(self.cast.assistant, "assistant", "/via", trainings)

    def teachers(self) -> list[_Weighed]:
        asked = self.document.teacher
        if isinstance(asked, TeacherToTrain):
            return [self._weighed(self.cast.teacher, "teacher", "/teacher/train", [asked.train.training])]
        if isinstance(asked, Mutual):
            return [self._weighed(self.cast.teacher, "teacher", "/teacher/mutual", self._of_student)]
        batch = max(_at_once(training) for training in self._of_student)
        return [
            self._shown(self._outline(network, place), network, [], batch, place)
            for network, place in zip(self.cast.teachers, _places_of_teachers(self.document), strict=True)
        ]

    @property
    def _of_student(self) -> list[Training]:
        return [stage.training for stage in self.document.course]

    def _weighed(self, network: Network, who: str, place: str, trainings: Sequence[Training]) -> _Weighed:
        """A network that the job trains. Its weights alone come first: they must fit before they are
        there."""
        pointer = self.cast.places[who]
        module = self._outline(network, pointer)
        optimizers = [training.optimizer.kind for training in trainings]
        require_memory(weights_alone(module, optimizers), self.memory_bytes, who, place)
        batch = max(_at_once(training) for training in trainings)
        weighed = self._shown(module, network, optimizers, batch, pointer)
        require_memory(weighed.footprint, self.memory_bytes, who, place)
        return weighed

    def _outline(self, network: Network, pointer: str) -> nn.Module:
        with rejected_at(pointer):
            return models.build_on_meta(
                network.architecture, network.config, input=self.cast.seen, num_outputs=network.num_outputs
            )

    def _shown(
        self, module: nn.Module, network: Network, optimizers: Sequence[str], batch: int, pointer: str
    ) -> _Weighed:
        seen = self.cast.seen
        if self.device == "cpu":
            module = models.for_dry_forward(module, seen)
        try:
            footprint = training_footprint(module, seen, batch=batch, optimizers=optimizers)
            return _Weighed(footprint, anatomy(module, seen))
        except RuntimeError as error:
            raise Rejected(
                "configuration_invalid",
                "user",
                f"'{network.architecture}' as configured does not take {shown(seen)}: "
                f"{str(error).splitlines()[0]}",
                "change its parameters, or the preprocessing",
                {"pointer": pointer},
            ) from error


def _at_once(training: Training) -> int:
    """Examples that are in the network at the same time."""
    return training.batch_size // training.accumulate


def _places_of_teachers(document: JobDocument) -> list[str]:
    if document.teachers is None:
        return ["/teacher"]
    return [f"/teachers/{number}/model" for number in range(len(document.teachers))]


def _with_projectors(footprint: Footprint, tuition: Tuition) -> Footprint:
    more = bytes_of_projectors(tuition.course, tuition.student, tuition.teacher)
    return replace(footprint, training_bytes=footprint.training_bytes + more)
