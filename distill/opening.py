"""Phase `inspecting`: open what a job was given, and refuse before any training what cannot work."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from distill.admission import admit
from distill.batches import View
from distill.config.folder import RunJob
from distill.config.gating import gate_misfits, incumbent_misfits
from distill.config.job import JobDocument, Stage
from distill.config.networks import Dataset, Network, Preprocessing, Scale
from distill.config.students import NetworkToBuild
from distill.config.tasks import TASKS
from distill.config.teachers import Mutual, TeacherToTrain
from distill.data.opened import open_split
from distill.fitting import TOKENIZER
from distill.labels import answered_by, scale_of, standardized, with_fewer_labels
from distill.losses.terms import Term
from distill.memory import available_bytes
from distill.models import build, load_weights
from distill.preprocess import Preprocessor, measured_on, view
from distill.rejection import Rejected
from distill.starts import inherit, speak
from distill.tasks import science_of
from distill.tasks.science import Science
from distill.teachers import FrozenTeacher, Teacher, in_units_of, load_teachers
from distill.trial import Warn, try_network, try_teacher
from distill.tuition import Tuition

ANOTHER_BEGINNING = 2**31
"""Added to the seed of a network that must not begin as the student does; no seed is as large."""

SEES_OTHER_NUMBERS = (
    "the model that the student starts from was trained on another normalization than the one that this "
    "job uses; it begins worse than it was"
)


@dataclass(frozen=True)
class Start:
    """The weights of a model, and the space of its numbers."""

    weights: Mapping[str, Tensor]
    scale: Scale | None


@dataclass(frozen=True)
class Opened:
    """A job whose inputs fit each other."""

    document: JobDocument
    dataset: Dataset
    device: torch.device
    science: Science
    preprocessor: Preprocessor
    tokenizer: Path | None
    everything: View
    """The train split with every label that it has: what a teacher trained in the job learns from."""
    train: View
    """The same with the labels that student and control may see."""
    validation: View
    """Numbers are standardized in all three by `scale`; embeddings are the teacher's."""
    labeled_rows: list[int]
    """The source rows whose labels student and control see."""
    scale: Scale | None
    student_network: Network
    teachers: list[Network]
    """The uploaded ones, or the one that the job makes."""
    assistant_network: Network | None
    uploaded_teacher: Teacher | None
    tuitions: Mapping[str, Tuition]
    """Of `student`, and of `assistant` or `peer` where there is one: their stages and anatomies."""
    folder: Path
    start: "Start | None" = None
    """What the student begins with, where the job names a model."""

    @property
    def teacher_network(self) -> Network:
        """Of several, the first: its layers are those that can be compared."""
        return self.teachers[0]

    @property
    def course(self) -> list[Stage]:
        """The student's stages, every layer named."""
        return self.tuitions["student"].course

    def terms_of(self, stage: Stage, learner: str = "student") -> tuple[Term, ...]:
        """The terms of a stage of this learner's course, or of the same stage with another seed."""
        return self.tuitions[learner].terms(stage)

    def fresh_student(self, seed: int, teacher: Teacher | None = None) -> nn.Module:
        """A student as it begins, on the device; the same seed gives the same weights.

        `teacher` is who it takes its layers from, where it does: a teacher that the job has trained,
        and by default the uploaded one.
        """
        student = self.fresh(self.student_network, seed)
        asked = self.document.student
        if asked.from_teacher is not None:
            giver = teacher or self.uploaded_teacher
            assert giver is not None
            first = self.teacher_network
            inherit(
                student,
                giver.first,
                NetworkToBuild(architecture=first.architecture, config=first.config),
                asked.from_teacher,
                seen=view(first.input, first.preprocessing),
                task=self.document.task,
            )
        elif self.start is not None:
            student.load_state_dict(dict(self.start.weights))
            speak(student, None, in_units_of(self.scale, self.start.scale, None))
        return student

    def fresh_teacher(self, seed: int) -> nn.Module:
        """The teacher that the job trains, as it begins. One that learns together with the student
        begins elsewhere than the student of this seed, even where both are of one kind."""
        if isinstance(self.document.teacher, Mutual):
            seed += ANOTHER_BEGINNING
        return self.fresh(self.teacher_network, seed)

    def fresh_assistant(self, seed: int) -> nn.Module:
        """The assistant as it begins."""
        assert self.assistant_network is not None
        return self.fresh(self.assistant_network, seed)

    def graduate(self, network: Network, weights: Mapping[str, Tensor]) -> FrozenTeacher:
        """The teacher that came out of its training, never to change again. Its numbers are those that
        the labels of the job are standardized to."""
        module = self.fresh(network, seed=0)
        module.load_state_dict(dict(weights))
        return FrozenTeacher(module)

    def load_teacher(self, *, in_units: bool = False) -> Teacher:
        """The uploaded teacher, or all of them, read afresh from their files onto the device.

        Numbers come standardized as the labels of the job are, or in the units of the dataset.
        """
        document = self.document
        return load_teachers(
            self.teachers,
            [self.folder / "in" / "teachers" / str(number) for number in range(len(self.teachers))],
            labels=self.dataset.labels,
            preprocessing=self.preprocessor.preprocessing,
            scale=None if in_units else self.scale,
            combine=document.combine,
            weights=[teacher.weight for teacher in document.uploaded_teachers],
        ).to(self.device)

    def fresh(self, network: Network, seed: int) -> nn.Module:
        """An untrained network on the device; the same seed gives the same weights."""
        torch.manual_seed(seed)
        module = build(
            network.architecture,
            network.config,
            input=view(network.input, network.preprocessing),
            num_outputs=network.num_outputs,
        )
        return module.to(self.device)


def open_job(request: RunJob, folder: Path, warn: Warn, *, heed: Callable[[], None] = lambda: None) -> Opened:
    """Open train and validation, load the teachers, and check that every network can be built.

    Raises:
        Rejected: the inputs do not fit each other, or not into memory.
    """
    document, dataset, start = request.document, request.dataset, request.student
    device = torch.device(request.device)
    _require_labels(dataset)
    _require_gates_that_can_be_judged(request)
    admission = admit(
        document,
        request.teachers,
        dataset,
        start=start,
        memory_bytes=_memory_of(device),
        device="cpu",
    )

    splits = folder / "in" / "dataset"
    split = open_split(splits, dataset.splits["train"], dataset)
    preprocessing, tokenizer = _view_of(request, folder)
    if preprocessing is None:
        assert isinstance(split.inputs, Tensor)
        preprocessing = measured_on(split.inputs, dataset.input)
    if start is not None and start.preprocessing != preprocessing:
        warn("student_sees_other_numbers", SEES_OTHER_NUMBERS)
    preprocessor = Preprocessor.of(preprocessing, dataset.input, tokenizer)
    everything = View.of(split, preprocessor, device)
    train, seen = with_fewer_labels(everything, document.labels)
    validation = View.of(open_split(splits, dataset.splits["validation"], dataset), preprocessor, device)
    scale = scale_of(train) if TASKS[document.task].target == "number" else None
    parts = admission.cast.measured(preprocessing, scale, uploaded=bool(request.teachers))
    opened = Opened(
        document=document,
        dataset=dataset,
        device=device,
        science=science_of(document.task),
        preprocessor=preprocessor,
        tokenizer=tokenizer,
        everything=standardized(everything, scale),
        train=standardized(train, scale),
        validation=standardized(validation, scale),
        labeled_rows=split.rows[seen].tolist(),
        scale=scale,
        student_network=parts.student,
        teachers=parts.teachers,
        assistant_network=parts.assistant,
        uploaded_teacher=None,
        tuitions=admission.tuitions,
        folder=folder,
        start=None if start is None else Start(load_weights(start, folder / "in" / "student"), start.scale),
    )
    if request.teachers:
        opened = _with_teacher(opened, heed)
    _try_networks(opened, warn)
    return opened


def _with_teacher(opened: Opened, heed: Callable[[], None]) -> Opened:
    """The uploaded teacher is there, and where its embeddings are the labels, these are."""
    teacher = opened.load_teacher()
    opened = replace(opened, uploaded_teacher=teacher)
    if opened.science.target != "embedding":
        return opened
    train = answered_by(teacher, opened.train, heed)
    validation = answered_by(teacher, opened.validation, heed)
    return replace(opened, everything=train, train=train, validation=validation)


def _try_networks(opened: Opened, warn: Warn) -> None:
    document, train = opened.document, opened.train
    first = document.course[0].training
    if opened.uploaded_teacher is not None:
        try_teacher(opened.uploaded_teacher, opened.validation, opened.science, opened.teachers, warn)
    fresh = [(opened.student_network, "student", first)]
    if opened.assistant_network is not None:
        first_of_assistant = document.course_of_assistant[0].training
        fresh.append((opened.assistant_network, "assistant", first_of_assistant))
    if isinstance(document.teacher, TeacherToTrain):
        fresh.append((opened.teacher_network, "teacher", document.teacher.train.training))
    if isinstance(document.teacher, Mutual):
        fresh.append((opened.teacher_network, "teacher", first))
    for network, who, training in fresh:
        at_once = training.batch_size // training.accumulate
        try_network(opened.fresh(network, seed=0), train, network, who, at_once=at_once)


def _view_of(request: RunJob, folder: Path) -> tuple[Preprocessing | None, Path | None]:
    """How the first teacher sees examples, else the model that the student starts from; and the file of
    the tokenizer."""
    if request.teachers:
        reader, place = request.teachers[0], folder / "in" / "teachers" / "0"
    elif request.student is not None:
        reader, place = request.student, folder / "in" / "student"
    else:
        return None, None
    tokenizer = place / TOKENIZER if request.dataset.input.kind == "text" else None
    return reader.preprocessing, tokenizer


def _memory_of(device: torch.device) -> int:
    """Bytes that are free where the networks will be."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available_bytes()


def _require_labels(dataset: Dataset) -> None:
    if TASKS[dataset.task].target == "embedding":
        return
    for name, split in dataset.splits.items():
        if split.labeled == 0:
            raise Rejected(
                "no_labels", "data", f"no example of the split '{name}' has a label", "label some of them"
            )


def _require_gates_that_can_be_judged(request: RunJob) -> None:
    document, dataset = request.document, request.dataset
    reader = request.teachers[0] if request.teachers else request.student
    problems = list(gate_misfits(document, dataset))
    for each in request.incumbents:
        problems += incumbent_misfits(document, each.model, each.network, dataset, reader)
    for problem in problems:
        raise Rejected(problem.code, "user", problem.detail, details={"pointer": problem.pointer})
