"""What the parts of a document say about each other: mistakes that no single field shows. Torch-free."""

from collections.abc import Iterator

from distill.config.exporting import export_problems
from distill.config.gating import gate_problems
from distill.config.job import JobDocument, Stage
from distill.config.losses import COMPARES_EXAMPLES, LossTerm
from distill.config.problem import Problem
from distill.config.rounding import rounding_problems
from distill.config.schedules import WeightOfShare, is_ever_positive
from distill.config.tasks import BETWEEN_LAYERS, TASKS
from distill.config.teachers import Mutual, SelfTaught, TeacherToTrain
from distill.config.timing import timing_problems
from distill.config.training import Training


def contradictions(document: JobDocument) -> Iterator[Problem]:
    """Every contradiction in `document`, in its order."""
    yield from _of_teachers(document)
    yield from _of_panel(document)
    yield from _of_labels(document)
    yield from _of_controls(document)
    listed = document.stages is not None
    for number, stage in enumerate(document.course):
        yield from _of_stage(document, stage, f"/stages/{number}" if listed else "")
    names = [stage.name for stage in document.course]
    for number, name in enumerate(names):
        if name in names[:number]:
            yield Problem(f"/stages/{number}/name", f"two stages are called '{name}'", "repeated_stage")
    if isinstance(document.teacher, TeacherToTrain):
        yield from _of_training(document, document.teacher.train.training, "/teacher/train/training")
    if document.via is not None and document.via.training is not None:
        yield from _of_training(document, document.via.training, "/via/training")
    if document.via is not None and document.via.losses is not None:
        yield from _of_losses(document, document.via.losses, document.via.training, "/via/losses")
    yield from export_problems(document)
    yield from rounding_problems(document)
    yield from gate_problems(document)
    yield from timing_problems(document)


def _of_teachers(document: JobDocument) -> Iterator[Problem]:
    target = TASKS[document.task].target
    makes_its_own = isinstance(document.teacher, TeacherToTrain | Mutual | SelfTaught)
    if target == "embedding" and makes_its_own:
        yield Problem(
            "/teacher",
            "feature extraction has no labels that a teacher of its own could learn from; upload the teacher",
            "teacher_needs_labels",
        )
    if document.student.from_teacher is not None and isinstance(document.teacher, Mutual | SelfTaught):
        yield Problem(
            "/student/from_teacher",
            "there is no teacher to take layers from: say the student's architecture",
            "nothing_to_start_from",
        )
    if document.via is not None and isinstance(document.teacher, Mutual | SelfTaught):
        yield Problem("/via", "an assistant stands between teacher and student; here is none", "no_teacher")
    if document.via is not None and document.stages is not None:
        given = {"losses": document.via.losses, "training": document.via.training}
        lacking = [name for name, value in given.items() if value is None]
        if len(lacking) == 1:
            yield Problem(
                "/via",
                f"where stages are listed, an assistant with a course of its own needs {lacking[0]} too; "
                "or leave out both: it then goes through the student's stages",
                "half_a_course",
            )
    if isinstance(document.teacher, Mutual) and document.stages is not None:
        yield Problem("/stages", "two students that teach each other have one stage", "one_stage")


def _of_panel(document: JobDocument) -> Iterator[Problem]:
    if document.combine == "most_confident" and TASKS[document.task].target in ("number", "embedding"):
        yield Problem(
            "/combine",
            f"a teacher of {document.task} says nothing of its confidence; use mean or weighted",
            "no_confidence",
        )
    if document.combine != "weighted":
        for number, teacher in enumerate(document.teachers or ()):
            if teacher.weight != 1:
                yield Problem(
                    f"/teachers/{number}/weight",
                    f"a teacher's weight counts where combine is weighted; here it is {document.combine}",
                    "weight_unused",
                )


def _of_labels(document: JobDocument) -> Iterator[Problem]:
    labels = document.labels
    limited = labels.count is not None or labels.fraction is not None
    if limited and TASKS[document.task].target == "embedding":
        yield Problem(
            "/labels",
            f"{document.task} has no labels: the teacher's embeddings are learned, of every example",
            "no_labels_to_limit",
        )


def _of_controls(document: JobDocument) -> Iterator[Problem]:
    evaluation = document.evaluation
    if "teacher_argmax" not in evaluation.controls:
        return
    place = f"/evaluation/controls/{evaluation.controls.index('teacher_argmax')}"
    if TASKS[document.task].target not in ("class", "tag"):
        yield Problem(place, f"a teacher of {document.task} has no top class", "no_top_class")
    elif isinstance(document.teacher, Mutual):
        yield Problem(place, "two students that teach each other have no finished teacher", "no_top_class")


def _of_stage(document: JobDocument, stage: Stage, at: str) -> Iterator[Problem]:
    yield from _of_losses(document, stage.losses, stage.training, f"{at}/losses")
    yield from _of_training(document, stage.training, f"{at}/training")


def _of_losses(
    document: JobDocument, losses: list[LossTerm], training: Training | None, at: str
) -> Iterator[Problem]:
    facts = TASKS[document.task]
    for number, term in enumerate(losses):
        place = f"{at}/{number}"
        if term.kind not in facts.terms:
            usable = ", ".join(sorted(facts.terms - BETWEEN_LAYERS))
            yield Problem(
                f"{place}/kind",
                f"'{term.kind}' has no meaning for {document.task}; of the outputs there are: {usable}",
                "term_unfit",
            )
        if training is not None and training.batch_size == 1 and term.kind in COMPARES_EXAMPLES:
            yield Problem(
                f"{place}/kind",
                f"'{term.kind}' compares the examples of a batch with each other, and here a batch holds "
                "one; set batch_size to 2 or more, or leave it out",
                "nothing_to_compare_with",
            )
        if training is not None and training.accumulate > 1 and term.kind in COMPARES_EXAMPLES:
            yield Problem(
                f"{place}/kind",
                f"'{term.kind}' compares the examples of a batch with each other, so that a "
                f"batch in {training.accumulate} parts is another loss; set accumulate to 1, or leave it out",
                "not_divisible",
            )
    shares = [term.weight.share for term in losses if isinstance(term.weight, WeightOfShare)]
    fixed = any(
        is_ever_positive(term.weight) for term in losses if not isinstance(term.weight, WeightOfShare)
    )
    if shares and not fixed:
        yield Problem(
            at,
            "auto weights hold their share beside a term whose weight is given: give one of them",
            "no_fixed_weight",
        )
    if sum(shares) >= 1:
        yield Problem(
            at, f"the shares of the auto weights add up to {sum(shares):g}; leave some below 1", "no_share"
        )


def _of_training(document: JobDocument, training: Training, at: str) -> Iterator[Problem]:
    if training.precision == "fp16" and document.resources.gpus == 0:
        yield Problem(
            f"{at}/precision",
            "float16 on a CPU is slower than float32 and loses digits; use auto, fp32 or bf16, or a GPU: "
            "resources: {gpus: 1}",
            "float16_on_cpu",
        )
    early = training.early_stopping
    main = f"validation.{TASKS[document.task].main_figure}"
    if early is not None and early.metric not in (None, main):
        yield Problem(f"{at}/early_stopping/metric", f"{document.task} is judged by {main}", "metric_unfit")
