"""The story of a job: inspect, train the teacher, the student and the control, evaluate, export, verify."""

from pathlib import Path

from distill.attempt import Attempt
from distill.channel import Events, StopLine
from distill.conclusion import Conclusion
from distill.config.folder import RunJob
from distill.lessons import Lessons
from distill.opening import fingerprint, open_job


def run_job(request: RunJob, folder: Path, events: Events, stop: StopLine) -> None:
    """Carry one job from its inputs to its `finished` event.

    Raises:
        Rejected: the job cannot work.
        StopAsked: the supervisor wished so, and everything worth keeping is on disk.
    """
    attempt = Attempt(folder, events, stop, fingerprint=fingerprint(request))
    if request.resume:
        attempt.resume(folder / "in" / "checkpoint")
    with attempt.phase("inspecting"):
        opened = open_job(request, folder, attempt.warn)
        lessons = Lessons(opened)
        attempt.progress.plan(lessons.costs(), lessons.steps())

    teacher = opened.uploaded_teacher
    if teacher is None:
        teacher = lessons.graduate(attempt.teach("training_teacher", lessons.teacher(), lessons.new_teacher))
    student = attempt.teach("training", lessons.student(teacher), lessons.new_student)
    if request.document.evaluation.control:
        attempt.teach("training_control", lessons.control(student), lessons.new_student)

    conclusion = Conclusion(opened, attempt, folder)
    with attempt.phase("evaluating"):
        conclusion.evaluate()
    with attempt.phase("exporting"):
        conclusion.export()
    with attempt.phase("verifying"):
        conclusion.verify()
    events.send(conclusion.finished())
