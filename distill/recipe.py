"""The story of a job: inspect, train teachers, students and controls, evaluate, export, verify."""

from functools import partial
from pathlib import Path

from distill.attempt import Attempt
from distill.channel import Events, StopLine
from distill.conclusion import Conclusion
from distill.config.events import Resolved
from distill.config.folder import RunJob
from distill.evaluate.written import network_of
from distill.fingerprint import fingerprint
from distill.int8_cost import Decision
from distill.lessons import Lessons
from distill.opening import open_job
from distill.outlook import ahead
from distill.proof.target import require_target


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
        require_target(request.document)
        opened = open_job(request, folder, attempt.warn, heed=attempt.heed)
        events.send(Resolved(stages=opened.course))
        attempt.network_of = partial(network_of, opened)
        lessons = Lessons(opened, attempt.finished, Decision(opened, attempt.found, attempt.warn))
        attempt.progress.plan(ahead(opened, gathers=lessons.gathers))

    attempt.teach("training_teacher", lessons.of_teachers())
    if lessons.must_gather:
        with attempt.phase("caching_teacher"):
            lessons.gather(attempt.note_gathered)
    attempt.teach("training", lessons.of_students())
    attempt.teach("training_control", lessons.of_controls())

    conclusion = Conclusion(opened, attempt, folder, incumbents=request.incumbents, registry=request.registry)
    with attempt.phase("evaluating"):
        conclusion.evaluate()
    with attempt.phase("exporting"):
        conclusion.export()
    with attempt.phase("verifying"):
        conclusion.verify()
    events.send(conclusion.finished())
