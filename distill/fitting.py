"""Do the networks of a job fit its dataset, and each other? What their records tell, before any is built."""

from distill.config.networks import Dataset, Input, Network
from distill.config.students import NetworkToBuild
from distill.config.tasks import TASKS, Target
from distill.preprocess import require_room_to_crop, view
from distill.rejection import Rejected


def require_fitting_teacher(teacher: Network, dataset: Dataset, pointer: str) -> None:
    """A teacher whose outputs mean what the labels of the dataset mean, and that takes its examples.

    Raises:
        Rejected: `task_mismatch`, or as the other functions of this module.
    """
    target, answers = TASKS[dataset.task].target, TASKS[teacher.task].target
    if answers != target:
        raise Rejected(
            "task_mismatch",
            "user",
            f"the teacher is for {teacher.task}, and the dataset for {dataset.task}",
            "choose a teacher and a dataset of the same task",
            {"pointer": pointer},
        )
    if target != "embedding":
        require_same_labels(teacher, dataset, pointer)
    require_same_view(teacher, dataset)
    if dataset.input.kind == "text":
        require_tokenizer(teacher, pointer)


def require_same_labels(teacher: Network, dataset: Dataset, pointer: str = "/teacher") -> None:
    """A teacher's outputs mean something only where their names are the dataset's, in any order.

    Raises:
        Rejected: `label_order_unknown` or `labels_mismatch`.
    """
    noun, nouns = _NOUNS[TASKS[dataset.task].target]
    nameless = teacher.labels is None or all(label.upper().startswith("LABEL_") for label in teacher.labels)
    if nameless and teacher.num_outputs == len(dataset.labels) == 1:
        return  # a single number needs no name
    if teacher.labels is None or nameless:
        raise Rejected(
            "label_order_unknown",
            "user",
            f"nobody said which {noun} each of the teacher's {teacher.num_outputs} outputs means",
            "register the model again with `labels`, in the order of its outputs",
            {"pointer": pointer},
        )
    lacking = [label for label in dataset.labels if label not in teacher.labels]
    unknown = [label for label in teacher.labels if label not in dataset.labels]
    if lacking or unknown:
        raise Rejected(
            "labels_mismatch",
            "user",
            f"teacher and dataset name different {nouns}: "
            + "; ".join(
                f"{whose} lacks {', '.join(repr(label) for label in names[:5])}"
                for whose, names in (("the teacher", lacking), ("the dataset", unknown))
                if names
            ),
            "give `label_map` with the dataset, or `labels` with the model, so that the names agree",
            {"pointer": pointer, "teacher_lacks": lacking[:50], "dataset_lacks": unknown[:50]},
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
        f"the teacher takes {shown(takes)}; the dataset holds {shown(dataset.input)}",
        "register the model with `preprocessing: {resize: [height, width]}`, or choose another dataset",
        {"pointer": "/dataset", "teacher": takes.shape, "dataset": dataset.input.shape},
    )


def require_agreement(teachers: list[Network]) -> None:
    """Several teachers look at one view of the examples: at the same pixels, at the same tokens.

    Their normalizations may differ. Embeddings must have one size to be put together.

    Raises:
        Rejected: `teachers_differ`, at the first that differs from the first of all.
    """
    first, *others = teachers
    for number, other in enumerate(others, start=1):
        differences = [
            ("resizes", first.preprocessing.resize, other.preprocessing.resize),
            ("crops", first.preprocessing.crop, other.preprocessing.crop),
            ("has a tokenizer", first.files.get(TOKENIZER), other.files.get(TOKENIZER)),
            ("reads at most", first.preprocessing.max_length, other.preprocessing.max_length),
            ("has outputs", first.num_outputs, other.num_outputs),
        ]
        differing = next((entry for entry in differences if entry[1] != entry[2]), None)
        if differing is not None:
            what, one, another = differing
            raise Rejected(
                "teachers_differ",
                "user",
                f"the teachers see or say different things: the first {what} {_said(one)}, "
                f"this one {_said(another)}",
                "choose teachers of one view: the same resize, crop, tokenizer and number of outputs",
                {"pointer": f"/teachers/{number}/model"},
            )


def require_fitting_start(start: Network, teacher: Network | None, dataset: Dataset) -> None:
    """The model that a student starts from answers as the dataset's labels stand, and sees its view.

    Raises:
        Rejected: `labels_in_another_order`, `task_mismatch`, `input_mismatch` or `tokenizer_differs`.
    """
    pointer = "/student/model"
    if TASKS[start.task].target != TASKS[dataset.task].target:
        raise Rejected(
            "task_mismatch",
            "user",
            f"the model is for {start.task}, and the dataset for {dataset.task}",
            "start from a model of the same task, or say an architecture",
            {"pointer": pointer},
        )
    if TASKS[start.task].target != "embedding" and start.labels != dataset.labels:
        raise Rejected(
            "labels_in_another_order",
            "user",
            f"the model's outputs are {_listed(start.labels or [])}; the dataset's labels are "
            f"{_listed(dataset.labels)}",
            "start from a model with the same labels in the same order, or say an architecture",
            {"pointer": pointer},
        )
    if teacher is not None and start.num_outputs != teacher.num_outputs:
        raise Rejected(
            "outputs_differ",
            "user",
            f"the model gives {start.num_outputs} numbers, the teacher {teacher.num_outputs}",
            "start from a model of the teacher's size of embedding, or say an architecture",
            {"pointer": pointer},
        )
    if start.input.kind == dataset.input.kind == "text":
        if teacher is not None and start.files.get(TOKENIZER) != teacher.files.get(TOKENIZER):
            raise Rejected(
                "tokenizer_differs",
                "user",
                "the model reads other tokens than the teacher",
                "start from a model that has the teacher's tokenizer",
                {"pointer": pointer},
            )
        return
    takes = view(start.input, start.preprocessing)
    gets = view(dataset.input, (teacher or start).preprocessing)
    if (takes.kind, takes.shape) != (gets.kind, gets.shape):
        raise Rejected(
            "input_mismatch",
            "user",
            f"the model takes {shown(takes)}; the job shows it {shown(gets)}",
            "start from a model that sees what the teacher sees",
            {"pointer": pointer},
        )


def require_tokenizer(reader: Network | None, pointer: str) -> None:
    """Text comes to every network of a job in the tokens of its teacher, or of the model it starts from.

    Raises:
        Rejected: `tokenizer_missing`.
    """
    if reader is not None and TOKENIZER in reader.files:
        return
    raise Rejected(
        "tokenizer_missing",
        "user",
        "text needs a teacher that brings its tokenizer",
        "register the teacher as a Hugging Face .zip that holds tokenizer.json",
        {"pointer": pointer},
    )


def require_room_for_tokens(network: NetworkToBuild, reader: Network, seen: Input, pointer: str) -> None:
    """Whoever reads another network's tokens needs a row for each, and a position for each place.

    Raises:
        Rejected: `student_too_narrow`.
    """
    if network.architecture != "huggingface":
        return
    for key, needed in (
        ("vocab_size", reader.config.get("vocab_size") or 1),
        ("max_position_embeddings", seen.shape[0]),
    ):
        has = network.config.get(key)
        if has is not None and has < needed:
            raise Rejected(
                "student_too_narrow",
                "user",
                f"the student's {key} is {has:,}; with this teacher's tokenizer it needs {needed:,}",
                f"leave {key} out: it is then the teacher's",
                {"pointer": f"{pointer}/{key}"},
            )


def shown(input: Input) -> str:
    """The kind and shape of an input, in a sentence."""
    return f"{input.kind} of shape ({', '.join(map(str, input.shape))})"


TOKENIZER = "tokenizer.json"
_NOUNS: dict[Target, tuple[str, str]] = {
    "class": ("class", "classes"),
    "label_set": ("label", "labels"),
    "tag": ("tag", "tags"),
    "number": ("number", "numbers"),
}


def _said(value: object) -> str:
    return "none" if value is None else str(value)[:80]


def _listed(labels: list[str]) -> str:
    return ", ".join(labels[:8]) + (" and more" if len(labels) > 8 else "") or "without names"
