"""What only a built network can tell: do all that take part fit each other and the memory?

Asked before anything trains: by a plan on the meta device, and by a run in its phase `inspecting`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from torch import nn

from distill import models
from distill.cast import Cast, cast, rejected_at
from distill.config.job import JobDocument, Stage
from distill.config.networks import Dataset, Input, Network
from distill.config.teachers import Mutual, SelfTaught, TeacherToTrain
from distill.config.training import Training
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
    memory_bytes: int
    """The most that is needed at any time."""

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
    weigh = _Scales(parts.seen, memory_bytes, device)
    of_student = [stage.training for stage in document.course]
    place = parts.places["student"]
    student = weigh(parts.student, of_student, "student", place, total_at="/student")

    assistant = None
    if document.via is not None:
        assert parts.assistant is not None
        trainings = [document.via.training or of_student[0]]
        place = parts.places["assistant"]
        assistant = weigh(parts.assistant, trainings, "assistant", place, total_at="/via")

    if isinstance(document.teacher, SelfTaught):
        weighed = [student]
    elif isinstance(document.teacher, TeacherToTrain):
        trainings, place = [document.teacher.train.training], parts.places["teacher"]
        weighed = [weigh(parts.teacher, trainings, "teacher", place, total_at="/teacher/train")]
    elif isinstance(document.teacher, Mutual):
        place = parts.places["teacher"]
        weighed = [weigh(parts.teacher, of_student, "teacher", place, total_at="/teacher/mutual")]
    else:
        batch = max(_at_once(training) for training in of_student)
        pointers = _pointers_of(document)
        weighed = [
            weigh(network, [], "teacher", pointer, total_at=pointer, batch=batch)
            for network, pointer in zip(parts.teachers, pointers, strict=True)
        ]

    taught = tuitions(
        document,
        student=student.anatomy,
        teacher=weighed[0].anatomy,
        assistant=assistant.anatomy if assistant else None,
    )
    student = replace(student, footprint=_with_projectors(student.footprint, taught["student"]))
    admission = Admission(
        cast=parts,
        tuitions=taught,
        student=student.footprint,
        teachers=[teacher.footprint for teacher in weighed],
        assistant=assistant.footprint if assistant else None,
        memory_bytes=0,
    )
    return replace(admission, memory_bytes=_most_at_once(document, admission))


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

    seen: Input
    memory_bytes: int | None
    device: Device

    def __call__(
        self,
        network: Network,
        trainings: Sequence[Training],
        who: str,
        pointer: str,
        *,
        total_at: str,
        batch: int = 1,
    ) -> _Weighed:
        with rejected_at(pointer):
            module = models.build_on_meta(
                network.architecture, network.config, input=self.seen, num_outputs=network.num_outputs
            )
        optimizers = [training.optimizer.kind for training in trainings]
        if trainings:
            batch = max(_at_once(training) for training in trainings)
            require_memory(weights_alone(module, optimizers), self.memory_bytes, who, total_at)
        if self.device == "cpu":
            module = models.for_dry_forward(module, self.seen)
        footprint, anatomy = self._shown(module, network, optimizers, batch, pointer)
        if trainings:
            require_memory(footprint, self.memory_bytes, who, total_at)
        return _Weighed(footprint, anatomy)

    def _shown(
        self, module: nn.Module, network: Network, optimizers: Sequence[str], batch: int, pointer: str
    ) -> tuple[Footprint, Anatomy]:
        try:
            return (
                training_footprint(module, self.seen, batch=batch, optimizers=optimizers),
                anatomy(module, self.seen),
            )
        except RuntimeError as error:
            raise Rejected(
                "configuration_invalid",
                "user",
                f"'{network.architecture}' as configured does not take {shown(self.seen)}: "
                f"{str(error).splitlines()[0]}",
                "change its parameters, or the preprocessing",
                {"pointer": pointer},
            ) from error


def _at_once(training: Training) -> int:
    """Examples that are in the network at the same time."""
    return training.batch_size // training.accumulate


def _pointers_of(document: JobDocument) -> list[str]:
    if document.teachers is None:
        return ["/teacher"]
    return [f"/teachers/{number}/model" for number in range(len(document.teachers))]


def _with_projectors(footprint: Footprint, tuition: Tuition) -> Footprint:
    more = bytes_of_projectors(tuition.course, tuition.student, tuition.teacher)
    return replace(footprint, training_bytes=footprint.training_bytes + more)


def _most_at_once(document: JobDocument, admission: Admission) -> int:
    """Whatever the job makes trains one after another; beside it are those that it learns from."""
    student, teachers, assistant = admission.student, admission.teachers, admission.assistant
    if isinstance(document.teacher, Mutual):
        return student.training_bytes + teachers[0].training_bytes
    answering = sum(teacher.size_bytes + teacher.activation_bytes for teacher in teachers)
    if isinstance(document.teacher, TeacherToTrain | SelfTaught):
        answering = teachers[0].size_bytes
    moments = [student.training_bytes + (answering if assistant is None else assistant.size_bytes)]
    if assistant is not None:
        moments.append(assistant.training_bytes + answering)
    if isinstance(document.teacher, TeacherToTrain):
        moments.append(teachers[0].training_bytes)
    return max(moments)
