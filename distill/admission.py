"""What only a built network can tell: do teacher, student and dataset fit each other and the memory?

Asked before anything trains: by a plan on the meta device, and by a run in its phase `inspecting`.
"""

from dataclasses import dataclass
from typing import Any

from distill import models
from distill.config.job import JobDocument
from distill.config.networks import Dataset, Input, Network, Preprocessing
from distill.config.students import NetworkToBuild
from distill.config.teachers import TeacherToTrain
from distill.config.training import Training
from distill.footprint import Footprint, training_footprint
from distill.preprocess import require_room_to_crop, view
from distill.rejection import Rejected


@dataclass(frozen=True)
class Admission:
    """Facts of a job that may go ahead. Configurations are complete: no default is left to guess."""

    student_config: dict[str, Any]
    student: Footprint
    teacher_config: dict[str, Any] | None
    """None where the teacher was uploaded."""
    teacher: Footprint
    seen: Input
    """What the first layer of both networks sees."""


def admit(
    document: JobDocument, teacher: Network | None, dataset: Dataset, *, memory_bytes: int | None = None
) -> Admission:
    """Check a job whose teacher is `teacher`, or is trained by the job itself where that is None.

    `memory_bytes` is what the machine that trains has; None leaves memory unchecked.

    Raises:
        Rejected: with `details["pointer"]`, the place in the document.
    """
    if teacher is not None:
        require_same_labels(teacher, dataset)
        require_same_view(teacher, dataset)
    _require_tokenizer(teacher, dataset)
    seen = view(dataset.input, teacher.preprocessing if teacher else Preprocessing())

    asked = document.student.network()
    assert asked is not None
    student = NetworkToBuild(architecture=asked.architecture, config=_student_config(asked, teacher))
    field = "huggingface" if document.student.huggingface else "config"
    _require_room_for_tokens(student, teacher, seen, f"/student/{field}")
    student_weighs = _weigh(student, document.course[0].training, seen, dataset, f"/student/{field}")
    require_memory(student_weighs, memory_bytes, "student", "/student")

    teacher_config = None
    if isinstance(document.teacher, TeacherToTrain):
        train = document.teacher.train
        teacher_weighs = _weigh(train, train.training, seen, dataset, "/teacher/train/config")
        require_memory(teacher_weighs, memory_bytes, "teacher", "/teacher/train")
        teacher_config = models.complete(train.architecture, train.config, task=dataset.task)
    else:
        assert teacher is not None
        batch = document.course[0].training.batch_size
        frozen = NetworkToBuild(architecture=teacher.architecture, config=teacher.config)
        teacher_weighs = _weigh(
            frozen, None, seen, dataset, "/teacher", batch=document.course[0].training.batch_size
        )
    return Admission(
        student_config=models.complete(student.architecture, student.config, task=dataset.task),
        student=student_weighs,
        teacher_config=teacher_config,
        teacher=teacher_weighs,
        seen=seen,
    )


def require_same_labels(teacher: Network, dataset: Dataset) -> None:
    """A teacher's outputs mean something only where their names are the dataset's.

    Raises:
        Rejected: `label_order_unknown` or `labels_mismatch`.
    """
    pointer = {"pointer": "/teacher"}
    if teacher.labels is None or all(label.upper().startswith("LABEL_") for label in teacher.labels):
        raise Rejected(
            "label_order_unknown",
            "user",
            f"nobody said which class each of the teacher's {teacher.num_outputs} outputs means",
            "register the model again with `labels`, in the order of its outputs",
            pointer,
        )
    lacking = [label for label in dataset.labels if label not in teacher.labels]
    unknown = [label for label in teacher.labels if label not in dataset.labels]
    if lacking or unknown:
        raise Rejected(
            "labels_mismatch",
            "user",
            "teacher and dataset name different classes: "
            + "; ".join(
                f"{whose} lacks {', '.join(repr(label) for label in names[:5])}"
                for whose, names in (("the teacher", lacking), ("the dataset", unknown))
                if names
            ),
            "give `label_map` with the dataset, or `labels` with the model, so that the names agree",
            {**pointer, "teacher_lacks": lacking[:50], "dataset_lacks": unknown[:50]},
        )


def require_same_view(teacher: Network, dataset: Dataset) -> None:
    """The dataset, through the teacher's preprocessing, must be what the teacher takes.

    Raises:
        Rejected: `input_mismatch`, with both shapes, or `preprocessing_invalid`.
    """
    if teacher.input.kind == dataset.input.kind == "text":
        return
    takes = view(teacher.input, teacher.preprocessing)
    gets = view(dataset.input, teacher.preprocessing)
    if (takes.kind, takes.shape) == (gets.kind, gets.shape):
        require_room_to_crop(dataset.input, teacher.preprocessing, "/dataset")
        return
    raise Rejected(
        "input_mismatch",
        "user",
        f"the teacher takes {_shown(takes)}; the dataset holds {_shown(dataset.input)}",
        "register the model with `preprocessing: {resize: [height, width]}`, or choose another dataset",
        {"pointer": "/dataset", "teacher": takes.shape, "dataset": dataset.input.shape},
    )


def require_memory(needs: Footprint, memory_bytes: int | None, who: str, pointer: str) -> None:
    """Refuse what cannot train in the memory that is there, with both figures."""
    if memory_bytes is None or needs.training_bytes <= memory_bytes:
        return
    raise Rejected(
        f"{who}_too_large",
        "user",
        f"to train, this {who} of {needs.parameters:,} parameters needs about "
        f"{needs.training_bytes / 1e9:,.1f} GB of memory; there are {memory_bytes / 1e9:,.1f} GB",
        f"make the {who} smaller, or `training.batch_size`",
        {"pointer": pointer, "needed_bytes": needs.training_bytes, "memory_bytes": memory_bytes},
    )


def _student_config(asked: NetworkToBuild, teacher: Network | None) -> dict[str, Any]:
    """A student of text reads the teacher's tokens, so it has the teacher's vocabulary."""
    config = dict(asked.config)
    if asked.architecture == "huggingface" and teacher is not None:
        for key in ("vocab_size", "max_position_embeddings", "pad_token_id"):
            if config.get(key) is None:
                config[key] = teacher.config.get(key)
    return config


def _weigh(
    network: NetworkToBuild,
    training: Training | None,
    seen: Input,
    dataset: Dataset,
    pointer: str,
    *,
    batch: int = 1,
) -> Footprint:
    """Build a network on the meta device, and say what it needs to train (None: to answer alone)."""
    try:
        module = models.build_on_meta(
            network.architecture, network.config, input=seen, num_outputs=len(dataset.labels)
        )
        return training_footprint(
            module,
            seen,
            batch=training.batch_size if training else batch,
            optimizer=training.optimizer.kind if training else None,
        )
    except Rejected as rejected:
        rejected.details.setdefault("pointer", pointer)
        raise
    except RuntimeError as error:
        raise Rejected(
            "configuration_invalid",
            "user",
            f"'{network.architecture}' as configured does not take {_shown(seen)}: "
            f"{str(error).splitlines()[0]}",
            "change its parameters, or the preprocessing",
            {"pointer": pointer},
        ) from error


def _require_tokenizer(teacher: Network | None, dataset: Dataset) -> None:
    if dataset.input.kind != "text" or (teacher is not None and "tokenizer.json" in teacher.files):
        return
    raise Rejected(
        "tokenizer_missing",
        "user",
        "text needs a teacher that brings its tokenizer",
        "register the teacher as a Hugging Face .zip that holds tokenizer.json",
        {"pointer": "/teacher"},
    )


def _require_room_for_tokens(
    student: NetworkToBuild, teacher: Network | None, seen: Input, pointer: str
) -> None:
    """The student reads the tokens of the teacher: each needs a row, and each place a position."""
    if student.architecture != "huggingface" or teacher is None:
        return
    for key, needed in (
        ("vocab_size", teacher.config.get("vocab_size") or 1),
        ("max_position_embeddings", seen.shape[0]),
    ):
        has = student.config.get(key)
        if has is not None and has < needed:
            raise Rejected(
                "student_too_narrow",
                "user",
                f"the student's {key} is {has:,}; with this teacher's tokenizer it needs {needed:,}",
                f"leave {key} out: it is then the teacher's",
                {"pointer": f"{pointer}/{key}"},
            )


def _shown(input: Input) -> str:
    return f"{input.kind} of shape ({', '.join(map(str, input.shape))})"
