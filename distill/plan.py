"""Plan a job without training it: what it would build, and what that would need."""

from pathlib import Path
from typing import Any

from distill.admission import Admission, admit
from distill.config.events import Planned
from distill.config.folder import PlanJob
from distill.config.networks import Network
from distill.config.teachers import TeacherToTrain
from distill.footprint import Footprint
from distill.inspect.dataset import Sink
from distill.schedule import steps_of

FEW_TEST_EXAMPLES = 100


def plan(request: PlanJob, folder: Path, events: Sink) -> None:
    """Build the job's networks on the meta device and send `Planned`.

    Raises:
        Rejected: the job cannot run; `details["pointer"]` says where in the document.
    """
    document = request.document
    admission = admit(document, _first(request.teachers), request.dataset, memory_bytes=request.memory_bytes)
    memory = _memory(admission, trains_teacher=not request.teachers)
    events.send(
        Planned(
            student=_figures(admission.student),
            teacher=_figures(admission.teacher),
            fits_memory=request.memory_bytes is None or memory <= request.memory_bytes,
            memory_bytes=memory,
            stages=document.course,
            estimate=_estimate(request),
            warnings=_warnings(request),
        )
    )


def _first(teachers: list[Network]) -> Network | None:
    return teachers[0] if teachers else None


def _memory(admission: Admission, *, trains_teacher: bool) -> int:
    """The most that is needed at any time: the teacher trains first, alone; then both are there."""
    together = admission.student.training_bytes + admission.teacher.size_bytes
    if trains_teacher:
        return max(admission.teacher.training_bytes, together)
    return together + admission.teacher.activation_bytes


def _figures(footprint: Footprint) -> dict[str, Any]:
    return {
        "parameters": footprint.parameters,
        "size_bytes": footprint.size_bytes,
        "training_bytes": footprint.training_bytes,
    }


def _estimate(request: PlanJob) -> dict[str, Any]:
    document, train = request.document, request.dataset.splits["train"]
    estimate = {"student_updates": steps_of(document.course[0].training, train.examples)}
    if document.evaluation.control:
        estimate["control_updates"] = estimate["student_updates"]
    if isinstance(document.teacher, TeacherToTrain):
        estimate["teacher_updates"] = steps_of(document.teacher.train.training, train.labeled)
    return {**estimate, "total_updates": sum(estimate.values())}


def _warnings(request: PlanJob) -> list[dict[str, str]]:
    test = request.dataset.splits["test"]
    if test.labeled >= FEW_TEST_EXAMPLES:
        return []
    return [
        {
            "code": "few_test_examples",
            "message": f"the test split has {test.labeled} labeled examples: intervals will be wide",
        }
    ]
