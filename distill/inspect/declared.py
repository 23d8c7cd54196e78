"""What a request says about a network, completed by what its file tells; asked for where neither does."""

from typing import Any

from pydantic import ValidationError
from tokenizers import Tokenizer

from distill.config.architectures import ARCHITECTURES, TAKES
from distill.config.document import problems_of
from distill.config.folder import InspectModel
from distill.config.networks import Input, Preprocessing
from distill.config.tasks import TASKS, InputKind, Target, Task
from distill.inspect.huggingface_head import TASK_OF_HEAD
from distill.inspect.huggingface_zip import HuggingFaceUpload
from distill.inspect.inference import Guess
from distill.inspect.tensors import Shapes
from distill.models import HEADS
from distill.preprocess import require_room_to_crop
from distill.rejection import Rejected

LAST_LAYER = {"cnn": "classifier.weight", "resnet": "fc.weight", "huggingface": "classifier.weight"}
USUAL_TASKS: dict[InputKind, Task] = {
    "image": "image-classification",
    "tabular": "tabular-classification",
    "text": "text-classification",
}
FEWEST_OUTPUTS: dict[Target, int] = {"class": 2, "tag": 2, "label_set": 1, "number": 1, "embedding": 1}
MOST_OUTPUTS = 1_000_000

Matches = list[tuple[float, Guess]]


def require_configuration(architecture: str, config: dict[str, Any]) -> None:
    """Refuse an unknown architecture, or parameters outside their ranges, by name."""
    if architecture not in ARCHITECTURES:
        raise Rejected(
            "unknown_architecture",
            "user",
            f"there is no architecture '{architecture[:60]}'",
            f"there are: {', '.join(ARCHITECTURES)}",
            {"pointer": "/architecture"},
        )
    schema = ARCHITECTURES[architecture]
    try:
        schema.model_validate(config)
    except ValidationError as error:
        first, *_ = problems_of(error, schema, config, ("config",))
        raise Rejected(
            "configuration_invalid",
            "user",
            f"{first.pointer.removeprefix('/').replace('/', '.')}: {first.detail}",
            "GET /v1/architectures lists the parameters and their ranges",
            {"pointer": first.pointer},
        ) from error


def task_of(
    request: InspectModel, architecture: str, huggingface: HuggingFaceUpload | None, matches: Matches
) -> Task:
    """The task that the request names, else the one that the file tells, or its input or architecture.

    Raises:
        Rejected: `task_mismatch`, where the request contradicts the file or its own input.
    """
    told = huggingface.task if huggingface is not None else None
    kind = _kind_of_input(request, architecture)
    task = request.task or told or _task_of_shapes(architecture, matches) or USUAL_TASKS[kind]
    if told is not None and task != told:
        raise _task_mismatch(f"the task is {task}; config.json says a network for {told}", told)
    if huggingface is not None and HEADS[TASKS[task].target] != huggingface.config["head"]:
        raise _task_mismatch(
            f"the task is {task}; the zip holds a network with one answer for each text",
            "text-classification, multi-label-classification or regression",
        )
    if kind not in TASKS[task].inputs:
        fitting = ", ".join(name for name, facts in TASKS.items() if kind in facts.inputs)
        raise _task_mismatch(f"the task is {task}; the input is {kind}", fitting)
    return task


def _kind_of_input(request: InspectModel, architecture: str) -> InputKind:
    """What the request says, else what architecture and task take; of several a table."""
    if request.input is not None:
        return request.input.kind
    kinds = TAKES[architecture]
    wanted = TASKS[request.task].inputs if request.task is not None else kinds
    fitting = [kind for kind in kinds if kind in wanted] or [*kinds]
    return "tabular" if "tabular" in fitting else fitting[0]


def _task_of_shapes(architecture: str, matches: Matches) -> Task | None:
    """Of bare weights of a transformer: its last layer tells tags and embeddings from the rest."""
    if architecture != "huggingface":
        return None
    head = next((guess.config["head"] for _, guess in matches if guess.architecture == architecture), None)
    return TASK_OF_HEAD[head] if head is not None else None


def _task_mismatch(message: str, fitting: str) -> Rejected:
    return Rejected("task_mismatch", "user", message, f"it is for: {fitting}", {"pointer": "/task"})


def input_of(
    request: InspectModel,
    architecture: str,
    shapes: Shapes,
    task: Task,
    huggingface: HuggingFaceUpload | None,
) -> Input:
    """What one example looks like. Weights tell the features of a table, but not the size of an image."""
    if huggingface is not None:
        given = request.preprocessing.max_length if request.preprocessing else None
        longest = huggingface.max_length or 512
        return Input(kind="text", shape=[min(given or longest, longest)], dtype="int64")
    if request.input is not None:
        return request.input
    # By any name: whether the names are ours is told later, all of them at once.
    first = next((shape for shape in shapes.values() if len(shape) == 2), ())
    if architecture == "mlp" and "tabular" in TASKS[task].inputs and first and first[1] > 0:
        return Input(kind="tabular", shape=[first[1]], dtype="float32")
    raise Rejected(
        "input_missing",
        "user",
        "weights do not tell how large the images are that this network takes",
        "give `input`, for example {shape: [3, 224, 224], dtype: uint8}",
        {"pointer": "/input"},
    )


def preprocessing_of(
    request: InspectModel, input: Input, huggingface: HuggingFaceUpload | None
) -> Preprocessing:
    """How examples were turned into what the first layer sees. A wrong guess ruins every figure unseen."""
    if huggingface is not None:
        _require_room_for_text(input.shape[0], huggingface.tokenizer)
        return Preprocessing(max_length=input.shape[0])
    if request.preprocessing is not None:
        _require_channels(request.preprocessing, input)
        require_room_to_crop(input, request.preprocessing, "/preprocessing/crop")
        return request.preprocessing
    if input.kind == "tabular":
        return Preprocessing()
    raise Rejected(
        "preprocessing_missing",
        "user",
        "weights do not tell how pixels were scaled before this network saw them",
        "give `preprocessing`, for example {scale: 0.00392156862745098} for 0..1, "
        "with mean and std if there were any",
        {"pointer": "/preprocessing"},
    )


def outputs_of(
    architecture: str, config: dict[str, Any], shapes: Shapes, labels: list[str] | None, task: Task
) -> int:
    """How many outputs the last layer has; the labels must be as many.

    Raises:
        Rejected: `too_few_outputs` or `labels_mismatch`.
    """
    target = TASKS[task].target
    shape = _last_layer(architecture, config, shapes)
    outputs = shape[0] if shape else max(len(labels or []), FEWEST_OUTPUTS[target])
    if not FEWEST_OUTPUTS[target] <= outputs <= MOST_OUTPUTS:
        raise Rejected(
            "too_few_outputs",
            "user",
            f"the last layer has {outputs:,} output{'s' if outputs != 1 else ''}; "
            "a classifier here has one for each of two or more classes",
            "replace a single logit z by the two outputs (0, z)",
        )
    if labels is not None and target == "embedding":
        raise Rejected(
            "labels_mismatch",
            "user",
            "the outputs of an embedding have no names",
            "leave labels out",
            {"pointer": "/labels"},
        )
    if labels is not None and len(labels) != outputs:
        raise Rejected(
            "labels_mismatch",
            "user",
            f"{len(labels)} labels are given; the last layer has {outputs} outputs",
            "give one label for each output, in their order",
            {"pointer": "/labels"},
        )
    return outputs


def labels_of(
    request: InspectModel, huggingface: HuggingFaceUpload | None, outputs: int, task: Task
) -> list[str] | None:
    """The names of the outputs in order: the request's, else the file's own, else None.

    Raises:
        Rejected: `labels_mismatch`, where two are the same.
    """
    own = huggingface.labels if huggingface is not None else None
    if TASKS[task].target == "embedding" or (TASKS[task].target == "number" and _are_unsaid(own)):
        own = None
    labels = request.labels or own
    if labels is not None and len(set(labels)) != len(labels):
        raise Rejected(
            "labels_mismatch", "user", "two outputs have the same label", None, {"pointer": "/labels"}
        )
    return labels if labels is not None and len(labels) == outputs else None


def _are_unsaid(labels: list[str] | None) -> bool:
    """Whether these are the names that transformers gives outputs which nobody named."""
    return labels is not None and all(label.startswith("LABEL_") for label in labels)


def _last_layer(architecture: str, config: dict[str, Any], shapes: Shapes) -> tuple[int, ...]:
    """The shape of the matrix that gives the outputs; empty where it is not there."""
    if config.get("head") == "embedding":
        states = shapes.get("embeddings.word_embeddings.weight", ())[1:]
        return shapes.get("projection.weight", ()) or states
    shape = shapes.get(LAST_LAYER.get(architecture) or _last_of_mlp(shapes), ())
    return shape if len(shape) == 2 else ()


def _last_of_mlp(shapes: Shapes) -> str:
    numbers = [
        int(parts[1])
        for name in shapes
        if (parts := name.split("."))[0] == "layers"
        and parts[1:2]
        and parts[1].isdigit()
        and len(parts[1]) < 6
    ]
    return f"layers.{max(numbers, default=0)}.weight"


def _require_channels(preprocessing: Preprocessing, input: Input) -> None:
    for name in ("mean", "std"):
        count = len(getattr(preprocessing, name))
        if count not in (0, 1, input.shape[0]):
            raise Rejected(
                "preprocessing_invalid",
                "user",
                f"preprocessing.{name} has {count} numbers; the input has {input.shape[0]} "
                f"{'channels' if input.kind == 'image' else 'features'}",
                "give one for each, or one for all",
                {"pointer": f"/preprocessing/{name}"},
            )
    if preprocessing.channel_order == "bgr" and (input.kind != "image" or input.shape[0] != 3):
        raise Rejected(
            "preprocessing_invalid",
            "user",
            f"preprocessing.channel_order is bgr; the input is {input.kind} with {input.shape[0]} "
            f"{'channels' if input.kind == 'image' else 'features'}",
            "leave it out: it is for images with 3 channels",
            {"pointer": "/preprocessing/channel_order"},
        )


def _require_room_for_text(max_length: int, tokenizer: Tokenizer) -> None:
    added = tokenizer.num_special_tokens_to_add(is_pair=False)
    if max_length <= added:
        raise Rejected(
            "preprocessing_invalid",
            "user",
            f"preprocessing.max_length is {max_length}; the tokenizer adds {added} tokens to each text",
            f"give at least {added + 1}",
            {"pointer": "/preprocessing/max_length"},
        )
