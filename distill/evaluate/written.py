"""Every network of a finished training as a file, under the name that it has in the result."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from distill.attempt import Attempt
from distill.config.networks import Network
from distill.config.teachers import Mutual, TeacherToTrain
from distill.evaluate.measure import Candidate, NetworkFile
from distill.evaluate.seeds import SeedOfJob
from distill.export.student import write_network
from distill.models import load_network
from distill.opening import Opened
from distill.runs import CONTROL_OF_TOP_CLASS

FIRST = ("teacher", "student", "control")
"""The networks of a job that are timed."""
KINDS = ("student", "control", CONTROL_OF_TOP_CLASS)
"""Runs that there are for each seed."""


def write_runs(
    opened: Opened, attempt: Attempt, folder: Path, seeds: Sequence[SeedOfJob]
) -> dict[str, Candidate]:
    """Write the weights of each run to a file of its own, `out/NAME/NAME.safetensors`; the uploaded
    teachers lie there already. Teacher, student and control come first."""
    kinds = (*KINDS, "teacher") if isinstance(opened.document.teacher, Mutual) else KINDS
    names = {each.run(kind): each.name(kind) for each in seeds for kind in kinds}
    candidates = {}
    if opened.uploaded_teacher is not None:
        candidates["teacher"] = _uploaded(opened, folder / "in" / "teachers")
    for run, trained in attempt.finished.items():
        name = names.get(run, run)
        path = folder / "out" / name / f"{name}.safetensors"
        record = write_network(path, trained.weights, network_of(opened, run))
        candidates[name] = Candidate(
            (NetworkFile(record, path.parent),),
            load=partial(load_network, record, path.parent),
            labels_used=_labels_used(opened, run),
            timed=name in FIRST,
        )
    first = [name for name in FIRST if name in candidates]
    return {name: candidates[name] for name in dict.fromkeys([*first, *candidates])}


def _uploaded(opened: Opened, folder: Path) -> Candidate:
    files = [NetworkFile(network, folder / str(number)) for number, network in enumerate(opened.teachers)]
    return Candidate(
        tuple(files), load=lambda: opened.load_teacher(in_units=True).cpu(), labels_used=None, timed=True
    )


def network_of(opened: Opened, run: str) -> Network:
    """The record of the network that this run trains."""
    if run.startswith("teacher"):
        return opened.teacher_network
    if run == "assistant":
        assert opened.assistant_network is not None
        return opened.assistant_network
    return opened.student_network


def _labels_used(opened: Opened, run: str) -> int:
    if opened.science.target == "embedding" or run.startswith(CONTROL_OF_TOP_CLASS):
        return 0
    sees_all = run == "teacher" and isinstance(opened.document.teacher, TeacherToTrain)
    return len((opened.everything if sees_all else opened.train).labeled_rows())
