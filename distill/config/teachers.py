"""Who teaches: an uploaded network, several of them, one that the job makes, or a second student."""

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from distill.config.losses import LossTerm
from distill.config.section import Section
from distill.config.students import NetworkToBuild, Reference
from distill.config.training import Training


class TeacherTraining(NetworkToBuild):
    training: Training = Training()


class TeacherToTrain(Section):
    """A teacher that the job itself trains first, on every label of the training split."""

    train: TeacherTraining


class Mutual(Section):
    """No teacher: two students learn together, each from the labels and from the other
    (Zhang et al., 2018). `mutual` is the other one; the result shows it in the teacher's place."""

    mutual: NetworkToBuild


class SelfDistillation(Section):
    """No larger teacher: the student is trained by the labels, then a fresh one learns from it, so many
    generations long (Furlanello et al., 2018)."""

    generations: Annotated[int, Field(ge=1, le=10)] = 1


class SelfTaught(Section):
    self_distillation: SelfDistillation


_KINDS_OF_TEACHER: dict[type[object], str] = {
    TeacherToTrain: "train",
    Mutual: "mutual",
    SelfTaught: "self_distillation",
}


def _kind_of_teacher(value: Any) -> str | None:
    if isinstance(value, dict):
        return next((kind for kind in _KINDS_OF_TEACHER.values() if kind in value), "train")
    return "reference" if isinstance(value, str) else _KINDS_OF_TEACHER.get(type(value))


Teacher = Annotated[
    Annotated[Reference, Tag("reference")]
    | Annotated[TeacherToTrain, Tag("train")]
    | Annotated[Mutual, Tag("mutual")]
    | Annotated[SelfTaught, Tag("self_distillation")],
    Discriminator(
        _kind_of_teacher,
        custom_error_type="teacher_kind",
        custom_error_message="a teacher is the name or id of a model, or has train, mutual or "
        "self_distillation; several models are listed under teachers",
    ),
]


class OneOfTeachers(Section):
    """An uploaded teacher among several; the weight counts where `combine` is `weighted`."""

    model: Reference
    weight: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] = 1.0


class Assistant(NetworkToBuild):
    """A network of a size between: it learns from the teacher, the student from it (Mirzadeh et al., 2020).

    It goes through the student's stages unless it has losses or training of its own.
    """

    losses: Annotated[list[LossTerm], Field(min_length=1, max_length=32)] | None = None
    training: Training | None = None
