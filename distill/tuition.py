"""Who learns from whom by which terms: the stages of each learner with every layer named."""

from collections.abc import Sequence
from dataclasses import dataclass

from distill.config.job import JobDocument, Stage
from distill.config.losses import LayerPair, LayerTerm, LossTerm
from distill.config.tasks import TASKS, Target
from distill.config.teachers import Mutual
from distill.layers.anatomy import Anatomy
from distill.layers.matching import resolved
from distill.layers.terms import layer_term
from distill.losses.terms import Term, terms_of
from distill.rejection import Rejected


@dataclass(frozen=True)
class Tuition:
    """A learner beside the one that it learns from."""

    student: Anatomy
    teacher: Anatomy
    target: Target
    course: list[Stage]

    def terms(self, stage: Stage) -> tuple[Term, ...]:
        """The terms of a stage of this course. Projectors come fresh, the same for the same seed."""
        seed = stage.training.seed

        def between_layers(section: LayerTerm) -> Term:
            return layer_term(section, student=self.student, teacher=self.teacher, seed=seed)

        return terms_of(stage.losses, target=self.target, layer_term=between_layers)


def tuitions(
    document: JobDocument, *, student: Anatomy, teacher: Anatomy, assistant: Anatomy | None
) -> dict[str, Tuition]:
    """By the one that learns: `student`, and `assistant` or `peer` where the job has one.

    Raises:
        Rejected: a layer does not exist, or cannot be compared; with a pointer.
    """
    listed = document.stages is not None
    course = document.course

    def taught(
        who: Anatomy, by: Anatomy, stages: list[Stage], places: list[str], roles: str | None = None
    ) -> Tuition:
        target = TASKS[document.task].target
        try:
            named = [
                stage.model_copy(
                    update={
                        "losses": resolved(stage.losses, student=who, teacher=by, target=target, at=place)
                    }
                )
                for stage, place in zip(stages, places, strict=True)
            ]
        except Rejected as rejected:
            raise rejected.with_word(roles) from None
        return Tuition(who, by, target, named)

    places = [f"/stages/{number}/losses" if listed else "/losses" for number in range(len(course))]
    roles = None if assistant is None else "of the two, the teacher is here the assistant of /via"
    found = {"student": taught(student, assistant or teacher, course, places, roles)}
    if document.via is not None:
        assert assistant is not None
        own = document.course_of_assistant
        where = ["/via/losses"] if document.via.losses is not None else places
        roles = "of the two, the student is here the assistant of /via"
        found["assistant"] = taught(assistant, teacher, own, where, roles)
    if isinstance(document.teacher, Mutual):
        mirrored = [stage.model_copy(update={"losses": _mirrored(stage.losses)}) for stage in course]
        found["peer"] = taught(teacher, student, mirrored, places)
    return found


def _mirrored(losses: Sequence[LossTerm]) -> list[LossTerm]:
    """The same terms where the two networks have changed places."""
    return [
        section.model_copy(
            update={
                "layers": [LayerPair(student=pair.teacher, teacher=pair.student) for pair in section.layers]
            }
        )
        if isinstance(section, LayerTerm) and section.layers != "auto"
        else section
        for section in losses
    ]
