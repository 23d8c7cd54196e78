"""Who takes part in a job: the record of each network that is built, taken up or listened to."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self

from distill import models
from distill.config.job import JobDocument
from distill.config.networks import Dataset, Input, Network, Preprocessing, Scale
from distill.config.students import NetworkToBuild
from distill.config.tasks import TASKS
from distill.config.teachers import Mutual, TeacherToTrain
from distill.fitting import (
    require_agreement,
    require_fitting_start,
    require_fitting_teacher,
    require_room_for_tokens,
    require_tokenizer,
)
from distill.preprocess import view
from distill.rejection import Rejected
from distill.starts import smaller_than


@dataclass(frozen=True)
class Cast:
    """Records whose configurations are complete: no default is left to guess."""

    student: Network
    teachers: list[Network]
    """The uploaded ones, or the one that the job makes: of two that teach each other the second, of
    self-distillation the student's own kind."""
    assistant: Network | None
    seen: Input
    """What the first layer of all of them sees."""
    places: Mapping[str, str]
    """The JSON pointer to what describes the student, teacher and assistant that the job builds."""

    @property
    def teacher(self) -> Network:
        return self.teachers[0]

    def measured(self, preprocessing: Preprocessing, scale: Scale | None, *, uploaded: bool) -> Self:
        """The same, where the networks that the job trains see and say what its data tells."""
        facts = {"preprocessing": preprocessing, "scale": scale}
        return replace(
            self,
            student=self.student.model_copy(update=facts),
            teachers=self.teachers if uploaded else [self.teacher.model_copy(update=facts)],
            assistant=self.assistant and self.assistant.model_copy(update=facts),
        )


def cast(document: JobDocument, teachers: list[Network], dataset: Dataset, start: Network | None) -> Cast:
    """The networks of a job, from its document and the records of the models that it names.

    Raises:
        Rejected: with `details["pointer"]`, where they do not fit each other or the dataset.
    """
    for number, teacher in enumerate(teachers):
        pointer = "/teacher" if document.teachers is None else f"/teachers/{number}/model"
        require_fitting_teacher(teacher, dataset, pointer)
    if teachers:
        require_agreement(teachers)
    first = teachers[0] if teachers else None
    if start is not None:
        require_fitting_start(start, first, dataset)
    reader = first or start
    if dataset.input.kind == "text":
        require_tokenizer(reader, "/teacher")
    return _Casting(document, dataset, first, start, reader).cast(teachers)


@dataclass(frozen=True)
class _Casting:
    document: JobDocument
    dataset: Dataset
    teacher: Network | None
    start: Network | None
    reader: Network | None
    """Whose view of the examples the job takes, and whose tokens."""

    def cast(self, uploaded: list[Network]) -> Cast:
        document = self.document
        places = {"student": _place_of_student(document)}
        assistant = None
        if document.via is not None:
            places["assistant"] = "/via/config"
            assistant = self._record(self._built(document.via, places["assistant"]))
        teachers = uploaded
        made: NetworkToBuild | None = None
        if isinstance(document.teacher, TeacherToTrain):
            places["teacher"] = "/teacher/train/config"
            made = self._built(document.teacher.train, places["teacher"])
            teachers = [self._record(made)]
        elif isinstance(document.teacher, Mutual):
            places["teacher"] = "/teacher/mutual/config"
            made = self._built(document.teacher.mutual, places["teacher"])
            teachers = [self._record(made)]
        elif uploaded:
            made = NetworkToBuild(architecture=uploaded[0].architecture, config=uploaded[0].config)
        student = self._record(self._student(made, places["student"]))
        return Cast(
            student=student,
            teachers=teachers or [student],
            assistant=assistant,
            seen=self._seen,
            places=places,
        )

    @property
    def _seen(self) -> Input:
        return view(self.dataset.input, self._preprocessing)

    @property
    def _preprocessing(self) -> Preprocessing:
        return self.reader.preprocessing if self.reader else Preprocessing()

    def _student(self, teacher: NetworkToBuild | None, pointer: str) -> NetworkToBuild:
        asked = self.document.student
        if asked.from_teacher is not None:
            assert teacher is not None
            return smaller_than(teacher, asked.from_teacher, seen=self._seen, task=self.dataset.task)
        if asked.model is not None:
            assert self.start is not None
            config = models.complete(self.start.architecture, self.start.config, task=self.dataset.task)
            return NetworkToBuild(architecture=self.start.architecture, config=config)
        network = asked.network()
        assert network is not None
        return self._built(network, pointer)

    def _built(self, asked: NetworkToBuild, pointer: str) -> NetworkToBuild:
        """Complete; whoever reads text has the vocabulary and the positions of its reader."""
        config = dict(asked.config)
        if asked.architecture == "huggingface" and self.reader is not None:
            for key in ("vocab_size", "max_position_embeddings", "pad_token_id"):
                if config.get(key) is None:
                    config[key] = self.reader.config.get(key)
        network = NetworkToBuild(architecture=asked.architecture, config=config)
        if self.reader is not None:
            require_room_for_tokens(network, self.reader, self._seen, pointer)
        with rejected_at(pointer):
            complete = models.complete(asked.architecture, config, task=self.dataset.task)
        return NetworkToBuild(architecture=asked.architecture, config=complete)

    def _record(self, network: NetworkToBuild) -> Network:
        labels: list[str] | None = self.dataset.labels
        outputs = len(self.dataset.labels)
        if TASKS[self.dataset.task].target == "embedding":
            assert self.teacher is not None
            labels, outputs = None, self.teacher.num_outputs
        return Network(
            task=self.dataset.task,
            architecture=network.architecture,
            config=network.config,
            labels=labels,
            num_outputs=outputs,
            input=self.dataset.input,
            preprocessing=self._preprocessing,
        )


def _place_of_student(document: JobDocument) -> str:
    student = document.student
    if student.architecture is not None:
        return "/student/config"
    way = next(way for way in ("huggingface", "from_teacher", "model") if getattr(student, way) is not None)
    return f"/student/{way}"


@contextlib.contextmanager
def rejected_at(pointer: str) -> Iterator[None]:
    """A refusal that says no place of its own is one of `pointer`."""
    try:
        yield
    except Rejected as rejected:
        rejected.details.setdefault("pointer", pointer)
        raise
