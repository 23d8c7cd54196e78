"""Whether a document, a teacher and a dataset belong together; torch-free, before anything runs."""

import re
from collections.abc import Iterator

from distill.config.consistency import Problem
from distill.config.job import JobDocument
from distill.config.networks import Dataset as Data
from distill.config.networks import Network
from distill.config.teachers import TeacherToTrain
from ledger.inputs import Inputs

_TASKS_OF = {
    "mlp": {"image-classification", "tabular-classification"},
    "cnn": {"image-classification"},
    "resnet": {"image-classification"},
    "huggingface": {"text-classification"},
}
_NUMBERED = re.compile(r"LABEL_\d+", re.IGNORECASE)
"""What transformers calls the classes of a model that nobody gave names."""
_NAMED_AT_MOST = 5


def unfit_by_itself(document: JobDocument) -> Iterator[Problem]:
    """What is wrong with a document whatever its inputs turn out to be."""
    if (asked := document.student.network()) is not None:
        yield from _unfit_architecture(document, asked.architecture, "/student")
    if isinstance(document.teacher, TeacherToTrain):
        yield from _unfit_architecture(document, document.teacher.train.architecture, "/teacher/train")
        if document.task == "text-classification":
            yield _tokenizer_missing("a teacher that the job trains has no tokenizer", "/teacher")


def places_of_teachers(document: JobDocument) -> list[str]:
    """Where the document names each of its `uploaded_teachers`."""
    if document.teachers is None:
        return ["/teacher"] * len(document.uploaded_teachers)
    return [f"/teachers/{number}/model" for number in range(len(document.teachers))]


def misfits(document: JobDocument, inputs: Inputs) -> list[Problem]:
    """What does not fit between the document and those inputs that are inspected already."""
    data = Data.model_validate(inputs.dataset.data) if inputs.dataset.data else None
    problems: list[Problem] = []
    for teacher, at in zip(inputs.teachers, places_of_teachers(document), strict=True):
        network = Network.model_validate(teacher.network) if teacher.network else None
        problems += _teacher_misfits(document, network, at) if network else []
        if network and data:
            problems += _label_misfits(network, data, at)
            problems += _input_misfits(network, data)
    problems += _dataset_misfits(document, data) if data else []
    return problems


def _unfit_architecture(document: JobDocument, architecture: str, at: str) -> Iterator[Problem]:
    if document.task in _TASKS_OF.get(architecture, {document.task}):
        return
    fitting = ", ".join(name for name, tasks in _TASKS_OF.items() if document.task in tasks)
    detail = f"{architecture} cannot be used for {document.task}; these can: {fitting}"
    pointer = (
        f"{at}/huggingface" if at == "/student" and architecture == "huggingface" else f"{at}/architecture"
    )
    yield Problem(pointer, detail, "architecture_unfit")


def _teacher_misfits(document: JobDocument, network: Network, at: str) -> Iterator[Problem]:
    if network.task != document.task:
        yield Problem(at, f"the teacher is for {network.task}, not {document.task}", "task_mismatch")
    elif network.input.kind == "text" and network.preprocessing.tokenizer is None:
        yield _tokenizer_missing("the teacher was registered without a tokenizer", at)


def _dataset_misfits(document: JobDocument, data: Data) -> Iterator[Problem]:
    if data.task != document.task:
        yield Problem("/dataset", f"the dataset is for {data.task}, not {document.task}", "task_mismatch")
    count = document.labels.count
    if count is not None and count < len(data.labels):
        detail = f"{count} labels are too few: at least one for each of the {len(data.labels)} classes"
        yield Problem("/labels/count", detail, "too_few_labels")
    train = data.splits.get("train")
    if count is not None and train is not None and count > train.labeled:
        detail = f"the training split has only {train.labeled} labeled examples"
        yield Problem("/labels/count", detail, "too_many_labels")


def _label_misfits(network: Network, data: Data, at: str) -> Iterator[Problem]:
    if network.labels is None or all(_NUMBERED.fullmatch(label) for label in network.labels):
        detail = (
            "nobody said which of the teacher's outputs is which class; "
            "register the model again with `labels` in the order of its outputs"
        )
        yield Problem(at, detail, "label_order_unknown")
        return
    unknown_to_teacher = [label for label in data.labels if label not in network.labels]
    absent_from_data = [label for label in network.labels if label not in data.labels]
    if unknown_to_teacher or absent_from_data:
        parts = []
        if unknown_to_teacher:
            parts.append(f"the teacher does not know {_some(unknown_to_teacher)}")
        if absent_from_data:
            parts.append(f"the dataset does not have {_some(absent_from_data)}")
        detail = f"the labels differ: {' and '.join(parts)}; rename them with `label_map` or `labels`"
        yield Problem(at, detail, "labels_mismatch")


def _input_misfits(network: Network, data: Data) -> Iterator[Problem]:
    if network.input.kind != data.input.kind:
        detail = f"the teacher takes {network.input.kind}, the dataset holds {data.input.kind}"
        yield Problem("/dataset", detail, "input_mismatch")
    elif network.input.kind != "text" and not _same_view(network, data):
        detail = (
            f"the teacher takes examples of shape {network.input.shape}, the dataset holds {data.input.shape}"
        )
        yield Problem("/dataset", detail, "input_mismatch")


def _same_view(network: Network, data: Data) -> bool:
    """Whether the dataset's examples have the teacher's shape; resizing changes height and width."""
    resizes = network.preprocessing.resize is not None or network.preprocessing.crop is not None
    if network.input.kind == "image" and resizes:
        return network.input.shape[0] == data.input.shape[0]
    return network.input.shape == data.input.shape


def _tokenizer_missing(why: str, at: str) -> Problem:
    detail = f"{why}; text needs an uploaded Hugging Face teacher with its tokenizer.json"
    return Problem(at, detail, "tokenizer_missing")


def _some(labels: list[str]) -> str:
    named = ", ".join(repr(label) for label in labels[:_NAMED_AT_MOST])
    more = len(labels) - _NAMED_AT_MOST
    return f"{named} and {more} more" if more > 0 else named
