"""Phase `inspecting`: open what a job was given, and refuse before any training what cannot work."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from distill.admission import admit
from distill.batches import View
from distill.config.folder import RunJob
from distill.config.job import JobDocument
from distill.config.networks import Dataset, Network, Preprocessing
from distill.config.teachers import TeacherToTrain
from distill.data.opened import open_split
from distill.labels import with_fewer_labels
from distill.memory import available_bytes
from distill.models import build, load_network
from distill.preprocess import Preprocessor, measured_on, view
from distill.rejection import Rejected
from distill.train import FrozenTeacher
from distill.trial import Warn, try_network, try_teacher

LEARNING_FACTS = {"task", "teacher", "dataset", "labels", "student", "losses", "training", "stages"}
CHECKPOINT_LAYOUT = 2
"""Raised where a checkpoint is written differently: an older one is then not read."""


@dataclass(frozen=True)
class Opened:
    """A job whose inputs fit each other."""

    document: JobDocument
    dataset: Dataset
    device: torch.device
    preprocessor: Preprocessor
    everything: View
    """The train split with every label that it has: what a teacher trained in the job learns from."""
    train: View
    """The same with the labels that student and control may see."""
    validation: View
    labeled_rows: list[int]
    """The source rows whose labels student and control see."""
    student: Network
    teacher: Network
    uploaded_teacher: FrozenTeacher | None
    teacher_order: Tensor | None
    """Which output of an uploaded teacher each label is; None where the orders agree."""

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


def fingerprint(request: RunJob) -> str:
    """What a checkpoint must agree with to go on: everything that learning depends on."""
    facts = [
        CHECKPOINT_LAYOUT,
        request.document.model_dump(mode="json", include=LEARNING_FACTS),
        [teacher.files for teacher in request.teachers],
        {name: split.sha256 for name, split in request.dataset.splits.items()},
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def open_job(request: RunJob, folder: Path, warn: Warn) -> Opened:
    """Open train and validation, load the teacher, and check that the student can be built.

    Raises:
        Rejected: the inputs do not fit each other, or not into memory.
    """
    document, dataset = request.document, request.dataset
    teacher = request.teachers[0] if request.teachers else None
    device = torch.device(request.device)
    _require_labels(dataset)
    admission = admit(document, teacher, dataset, memory_bytes=_memory_of(device))

    data = folder / "in" / "dataset"
    split = open_split(data, dataset.splits["train"], dataset)
    if teacher is not None:
        preprocessing = teacher.preprocessing
    else:
        assert isinstance(split.inputs, Tensor)
        preprocessing = measured_on(split.inputs, dataset.input)
    tokenizer = folder / "in" / "teachers" / "0" / "tokenizer.json" if dataset.input.kind == "text" else None
    preprocessor = Preprocessor.of(preprocessing, dataset.input, tokenizer)
    network = document.student.network()
    assert network is not None
    asked = network.architecture
    student = _record(asked, admission.student_config, dataset, preprocessing)

    everything = View.of(split, preprocessor, device)
    train, seen = with_fewer_labels(everything, document.labels)
    validation = View.of(open_split(data, dataset.splits["validation"], dataset), preprocessor, device)
    uploaded = order = None
    if teacher is not None:
        order = _label_order(teacher, dataset)
        uploaded = FrozenTeacher(load_network(teacher, folder / "in" / "teachers" / "0"), order).to(device)
    else:
        assert isinstance(document.teacher, TeacherToTrain)
        assert admission.teacher_config is not None
        to_train = document.teacher.train.architecture
        teacher = _record(to_train, admission.teacher_config, dataset, preprocessing)
    opened = Opened(
        document=document,
        dataset=dataset,
        device=device,
        preprocessor=preprocessor,
        everything=everything,
        train=train,
        validation=validation,
        labeled_rows=split.rows[seen].tolist(),
        student=student,
        teacher=teacher,
        uploaded_teacher=uploaded,
        teacher_order=order,
    )
    _try_networks(opened, warn)
    return opened


def _try_networks(opened: Opened, warn: Warn) -> None:
    document, train = opened.document, opened.train
    student, teacher = opened.student, opened.teacher
    batch_size = document.course[0].training.batch_size
    try_network(opened.fresh(student, seed=0), train, student, "student", batch_size=batch_size)
    if opened.uploaded_teacher is not None:
        try_teacher(opened.uploaded_teacher, opened.validation, teacher, warn)
    else:
        assert isinstance(document.teacher, TeacherToTrain)
        batch_size = document.teacher.train.training.batch_size
        try_network(opened.fresh(teacher, seed=0), train, teacher, "teacher", batch_size=batch_size)


def _memory_of(device: torch.device) -> int:
    """Bytes that are free where the networks will be."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available_bytes()


def _require_labels(dataset: Dataset) -> None:
    for name, split in dataset.splits.items():
        if split.labeled == 0:
            raise Rejected(
                "no_labels", "data", f"no example of the split '{name}' has a label", "label some of them"
            )


def _label_order(teacher: Network, dataset: Dataset) -> Tensor | None:
    """Which output of the teacher stands for each label of the dataset; None where they agree."""
    if teacher.labels == dataset.labels:
        return None
    assert teacher.labels is not None
    return torch.tensor([teacher.labels.index(name) for name in dataset.labels])


def _record(
    architecture: str, config: dict[str, Any], dataset: Dataset, preprocessing: Preprocessing
) -> Network:
    return Network(
        task=dataset.task,
        architecture=architecture,
        config=config,
        labels=dataset.labels,
        num_outputs=len(dataset.labels),
        input=dataset.input,
        preprocessing=preprocessing,
    )
