"""Whether a document, its models and its dataset belong together; torch-free, before anything runs.

The training process asks the same of the records again, and more of the networks once they are built.
"""

from collections.abc import Iterable, Iterator

from distill.config.architectures import TAKES
from distill.config.gating import gate_misfits, incumbent_misfits
from distill.config.job import JobDocument
from distill.config.layer_names import Side, names_of, unknown_layers
from distill.config.networks import Dataset as Data
from distill.config.networks import Layer, Network
from distill.config.problem import Problem
from distill.config.tasks import TASKS, InputKind
from distill.config.teachers import Mutual, TeacherToTrain
from ledger.inputs import Inputs
from ledger.naming import differing_names
from ledger.tables import Model

_TOKENIZER = "tokenizer.json"


def unfit_by_itself(document: JobDocument) -> Iterator[Problem]:
    """What is wrong with a document whatever its inputs turn out to be."""
    facts = TASKS[document.task]
    yield from _unfit_architectures(document, facts.inputs)
    if facts.inputs == ("text",):
        yield from _tokenizer_of_nobody(document)


def misfits(document: JobDocument, inputs: Inputs) -> list[Problem]:
    """What does not fit between the document and those inputs that are inspected already."""
    data = Data.model_validate(inputs.dataset.data) if inputs.dataset.data else None
    problems: list[Problem] = []
    for teacher, at in zip(inputs.teachers, places_of_teachers(document), strict=True):
        if (network := _network(teacher)) is not None:
            problems += _teacher_misfits(document, network, data, at)
    problems += _student_misfits(document, inputs.student, data)
    problems += _layer_misfits(document, inputs)
    if data is not None:
        problems += _dataset_misfits(document, data)
        problems += gate_misfits(document, data)
        problems += _incumbent_misfits(document, inputs, data)
    return problems


def places_of_teachers(document: JobDocument) -> list[str]:
    """Where the document names each of its `uploaded_teachers`."""
    if document.teachers is None:
        return ["/teacher"] * len(document.uploaded_teachers)
    return [f"/teachers/{number}/model" for number in range(len(document.teachers))]


def places_of_incumbents(document: JobDocument) -> Iterator[tuple[str, str]]:
    """Each of the document's `incumbents`, and where it names it first."""
    named = [gate.incumbent for gate in document.gates]
    for reference in document.incumbents:
        yield reference, f"/gates/{named.index(reference)}/relative_to"


def _network(model: Model | None) -> Network | None:
    """What the inspection found, where there has been one."""
    return Network.model_validate(model.network) if model is not None and model.network else None


def _unfit_architectures(document: JobDocument, kinds: Iterable[InputKind]) -> Iterator[Problem]:
    fitting = [name for name, takes in TAKES.items() if set(takes) & set(kinds)]
    for architecture, at in _architectures(document):
        if architecture not in fitting:
            detail = (
                f"{architecture} takes {' or '.join(TAKES[architecture])}, and cannot be used for "
                f"{document.task} of {' or '.join(kinds)}; these can: {', '.join(fitting)}"
            )
            yield Problem(at, detail, "architecture_unfit")


def _architectures(document: JobDocument) -> Iterator[tuple[str, str]]:
    """Every architecture that the document names, with its place."""
    if document.student.huggingface is not None:
        yield "huggingface", "/student/huggingface"
    if document.student.architecture is not None:
        yield document.student.architecture, "/student/architecture"
    if isinstance(document.teacher, TeacherToTrain):
        yield document.teacher.train.architecture, "/teacher/train/architecture"
    if isinstance(document.teacher, Mutual):
        yield document.teacher.mutual.architecture, "/teacher/mutual/architecture"
    if document.via is not None:
        yield document.via.architecture, "/via/architecture"


def _tokenizer_of_nobody(document: JobDocument) -> Iterator[Problem]:
    if not document.uploaded_teachers and document.student.model is None:
        yield _tokenizer_missing("no network of this job brings a tokenizer", "/teacher")


def _teacher_misfits(
    document: JobDocument, network: Network, data: Data | None, at: str
) -> Iterator[Problem]:
    if network.task != document.task:
        detail = f"the teacher is for {network.task}, not {document.task}; choose one of this task"
        yield Problem(at, detail, "task_mismatch")
    elif network.input.kind == "text" and _TOKENIZER not in network.files:
        yield _tokenizer_missing("the teacher was registered without a tokenizer", at)
    if data is not None:
        yield from differing_names(network, data, at)
        place = "/dataset" if document.teachers is None else at
        yield from _input_misfits(network, data, "the teacher", place)


def _student_misfits(document: JobDocument, student: Model | None, data: Data | None) -> Iterator[Problem]:
    """Outputs of a teacher can be put in order; those that the student starts with are its own."""
    network, at = _network(student), "/student/model"
    if network is None:
        return
    if network.task != document.task:
        detail = f"the model is for {network.task}, not {document.task}; start from one of this task"
        yield Problem(at, detail, "task_mismatch")
    elif data is not None:
        if TASKS[network.task].target != "embedding" and network.labels != data.labels:
            detail = (
                "the model's outputs are not the dataset's labels in the same order; start from a model "
                "whose `labels` are, or say an architecture"
            )
            yield Problem(at, detail, "labels_in_another_order")
        yield from _input_misfits(network, data, "the model", at)


def _incumbent_misfits(document: JobDocument, inputs: Inputs, data: Data) -> Iterator[Problem]:
    """`document` names the models beside which gates put the student by their ids."""
    reader = _network(inputs.teachers[0] if inputs.teachers else inputs.student)
    for model in inputs.incumbents:
        if (network := _network(model)) is not None:
            yield from incumbent_misfits(document, model.id, network, data, reader)


def _layer_misfits(document: JobDocument, inputs: Inputs) -> Iterator[Problem]:
    """Layers that a term names and that the inspection did not find. The first teacher is listened to."""
    teacher = inputs.teachers[0] if inputs.teachers else None
    if document.via is not None:
        if document.via.losses is not None and (names := _layer_names(teacher)):
            yield from unknown_layers(document.via.losses, names, side="teacher", at="/via/losses")
        teacher = None  # the student listens to the assistant, which is not built yet
    sides: list[tuple[Side, Model | None]] = [("student", inputs.student), ("teacher", teacher)]
    for number, stage in enumerate(document.course):
        at = f"/stages/{number}/losses" if document.stages is not None else "/losses"
        for side, model in sides:
            if names := _layer_names(model):
                yield from unknown_layers(stage.losses, names, side=side, at=at)


def _layer_names(model: Model | None) -> list[str]:
    """Every name that may be used for something inside the model; none where nobody has looked yet."""
    layers = (model.inspection or {}).get("layers") if model is not None else None
    return names_of(Layer.model_validate(layer) for layer in layers) if layers else []


def _dataset_misfits(document: JobDocument, data: Data) -> Iterator[Problem]:
    facts = TASKS[document.task]
    if data.task != document.task:
        detail = f"the dataset is for {data.task}, not {document.task}; register it for this task"
        yield Problem("/dataset", detail, "task_mismatch")
    elif len(facts.inputs) > 1:
        yield from _unfit_architectures(document, [data.input.kind])
        if data.input.kind == "text":
            yield from _tokenizer_of_nobody(document)
    count = document.labels.count
    if count is None:
        return
    if facts.target == "class" and count < len(data.labels):
        detail = f"{count} labels are too few: at least one for each of the {len(data.labels)} classes"
        yield Problem("/labels/count", detail, "too_few_labels")
    train = data.splits.get("train")
    if train is not None and count > train.labeled:
        detail = f"the training split has only {train.labeled} labeled examples; ask for no more"
        yield Problem("/labels/count", detail, "too_many_labels")


def _input_misfits(network: Network, data: Data, who: str, at: str) -> Iterator[Problem]:
    takes, holds = network.input, data.input
    if takes.kind != holds.kind:
        detail = f"{who} takes {takes.kind}, the dataset holds {holds.kind}; choose another of the two"
        yield Problem(at, detail, "input_mismatch")
    elif takes.kind != "text" and not _same_view(network, data):
        resize = ", or register the model with `preprocessing: {resize: [height, width]}`"
        detail = (
            f"{who} takes examples of shape {takes.shape}, the dataset holds {holds.shape}; choose another "
            f"of the two{resize if takes.kind == 'image' else ''}"
        )
        yield Problem(at, detail, "input_mismatch")


def _same_view(network: Network, data: Data) -> bool:
    """Whether the dataset's examples have the network's shape; resizing changes height and width."""
    resizes = network.preprocessing.resize is not None or network.preprocessing.crop is not None
    if network.input.kind == "image" and resizes:
        return network.input.shape[0] == data.input.shape[0]
    return network.input.shape == data.input.shape


def _tokenizer_missing(why: str, at: str) -> Problem:
    detail = f"{why}; text needs an uploaded Hugging Face teacher with its tokenizer.json"
    return Problem(at, detail, "tokenizer_missing")
