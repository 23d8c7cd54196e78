"""Plan a job without training it: what it would build, and what that would need."""

from pathlib import Path
from typing import Any

from distill.admission import admit
from distill.config.deciding import undecidable
from distill.config.events import Planned
from distill.config.folder import PlanJob
from distill.config.job import in_full
from distill.config.tasks import TASKS
from distill.config.teachers import Mutual, SelfTaught, TeacherToTrain
from distill.footprint import Footprint
from distill.inspect.dataset import Sink
from distill.runs import TOP_CLASS
from distill.schedule import steps_of

FEW_TEST_EXAMPLES = 100


def plan(request: PlanJob, folder: Path, events: Sink) -> None:
    """Build the job's networks on the meta device and send `Planned`.

    Raises:
        Rejected: the job cannot run; `details["pointer"]` says where in the document.
    """
    admission = admit(
        request.document,
        request.teachers,
        request.dataset,
        start=request.student,
        memory_bytes=request.memory_bytes,
    )
    memory = admission.memory_bytes
    events.send(
        Planned(
            student=_figures(admission.student),
            teacher=_together(admission.teachers),
            fits_memory=request.memory_bytes is None or memory <= request.memory_bytes,
            memory_bytes=memory,
            stages=admission.course,
            estimate=_estimate(request),
            warnings=_warnings(request),
        )
    )


def _figures(footprint: Footprint) -> dict[str, Any]:
    return {
        "parameters": footprint.parameters,
        "size_bytes": footprint.size_bytes,
        "training_bytes": footprint.training_bytes,
    }


def _together(teachers: list[Footprint]) -> dict[str, Any]:
    """Of several teachers, what all of them are."""
    figures = [_figures(teacher) for teacher in teachers]
    return {name: sum(each[name] for each in figures) for name in figures[0]}


def _estimate(request: PlanJob) -> dict[str, Any]:
    """Updates of every run, those of all seeds and all stages together."""
    document, train = request.document, request.dataset.splits["train"]
    evaluation = document.evaluation
    student = sum(steps_of(stage.training, train.examples) for stage in document.course)
    estimate = {"student_updates": student * evaluation.seeds}
    if document.has_control:
        estimate["control_updates"] = student * evaluation.seeds
    if TOP_CLASS in evaluation.controls:
        estimate[f"{TOP_CLASS}_updates"] = student * evaluation.seeds
    if isinstance(document.teacher, TeacherToTrain):
        estimate["teacher_updates"] = steps_of(document.teacher.train.training, train.labeled)
    if isinstance(document.teacher, Mutual):
        estimate["teacher_updates"] = student * evaluation.seeds
    if isinstance(document.teacher, SelfTaught):
        generation = sum(steps_of(stage.training, train.examples) for stage in in_full(document.course))
        estimate["teacher_updates"] = generation * document.teacher.self_distillation.generations
    if document.via is not None:
        estimate["assistant_updates"] = sum(
            steps_of(stage.training, train.examples) for stage in in_full(document.course_of_assistant)
        )
    return {**estimate, "total_updates": sum(estimate.values())}


def _warnings(request: PlanJob) -> list[dict[str, str]]:
    document, test = request.document, request.dataset.splits["test"]
    no_labels = TASKS[document.task].target == "embedding"
    examples, which = (test.examples, "") if no_labels else (test.labeled, "labeled ")
    found = []
    if examples < FEW_TEST_EXAMPLES:
        found.append(
            ("few_test_examples", f"the test split has {examples} {which}examples: intervals will be wide")
        )
    found += [("gate_undecidable", why) for _, why in undecidable(document, request.dataset.labels, test)]
    return [{"code": code, "message": message} for code, message in found]
