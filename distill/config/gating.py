"""Gates that could never be judged, said as early as the document, its dataset or its models show it.
Torch-free."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from distill.config.figures import PER_CLASS, Figure, are_bio, figures_of, is_figure_somewhere, split_metric
from distill.config.gates import Gate
from distill.config.job import JobDocument
from distill.config.networks import Dataset, Network
from distill.config.problem import Problem
from distill.config.tasks import TASKS

_TOKENIZER = "tokenizer.json"
_OFFERED = 3


def gate_problems(document: JobDocument) -> Iterator[Problem]:
    """What is wrong with the gates of a document, whatever its dataset and its models are."""
    figures = figures_of(TASKS[document.task].target)
    for number, gate in enumerate(document.gates):
        at = f"/gates/{number}"
        yield from _unknown_export(document, gate, at)
        name, _ = split_metric(gate.metric)
        if (figure := figures.get(name)) is None:
            yield _no_such_figure(document, name, at)
        else:
            yield from _unfit(document, gate, figure, at)


def gate_misfits(document: JobDocument, data: Dataset) -> Iterator[Problem]:
    """Gates on what this dataset does not have."""
    for number, gate in enumerate(document.gates):
        name, label = split_metric(gate.metric)
        if label is not None and label not in data.labels:
            yield Problem(
                f"/gates/{number}/metric",
                f"the dataset has no label '{label[:80]}'; {_offer(label, data.labels)}",
                "unknown_label",
            )
        if name == "entity_f1" and not are_bio(data.labels):
            yield Problem(
                f"/gates/{number}/metric",
                "entity_f1 is of tags that are all O, B-kind or I-kind, and those of this dataset are not; "
                "ask for accuracy or macro_f1",
                "figure_unfit",
            )


def incumbent_misfits(
    document: JobDocument, incumbent: str, network: Network, data: Dataset, reader: Network | None
) -> Iterator[Problem]:
    """Why the model with the id `incumbent` cannot answer the same test examples as the student.

    `reader` is the network whose tokens the job reads, where it reads text.
    """
    detail = _why_it_cannot_answer(document, network, data, reader)
    if detail is not None:
        for number, gate in enumerate(document.gates):
            if gate.incumbent == incumbent:
                yield Problem(f"/gates/{number}/relative_to", detail, "incumbent_unfit")


def compares_memory(document: JobDocument) -> bool:
    """Whether a gate asks for the memory of more than the student, which only a process of its own tells."""
    return any(gate.metric == "peak_memory_bytes" and gate.relative_to is not None for gate in document.gates)


def _unknown_export(document: JobDocument, gate: Gate, at: str) -> Iterator[Problem]:
    if gate.format is None:
        return
    formats = [export.format for export in document.exports]
    if gate.format not in formats:
        yield Problem(
            f"{at}/on",
            f"'{gate.format}' is not among the exports of this job; add it to exports, or choose of: "
            + ", ".join(f"export:{name}" for name in formats),
            "export_not_asked_for",
        )


def _no_such_figure(document: JobDocument, name: str, at: str) -> Problem:
    known = list(figures_of(TASKS[document.task].target))
    if is_figure_somewhere(name):
        detail = f"{document.task} has no {name}; it has: {', '.join(known)}"
        return Problem(f"{at}/metric", detail, "figure_unfit")
    detail = f"there is no figure '{name[:80]}'; {_offer(name, [*known, f'{PER_CLASS}.<label>'])}"
    return Problem(f"{at}/metric", detail, "unknown_figure")


def _unfit(document: JobDocument, gate: Gate, figure: Figure, at: str) -> Iterator[Problem]:
    """A figure that there is, but not of this, or not beside that."""
    main = TASKS[document.task].main_figure
    if gate.format is not None and figure.kind == "comparison":
        yield Problem(
            f"{at}/metric",
            f"{figure.name} is of the student; of an export ask for {main}, with relative_to: teacher or "
            "control",
            "figure_not_of_exports",
        )
    if gate.format is not None and figure.kind == "shape":
        yield Problem(
            f"{at}/metric",
            f"{figure.name} are of the network, whatever file it is in; leave `on` out",
            "figure_not_of_exports",
        )
    if figure.name in ("gain", "gap_closed") and not document.has_control:
        yield Problem(f"{at}/metric", f"{figure.name} needs a control; {_no_control(document)}", "no_control")
    if gate.relative_to is not None:
        yield from _unfit_baseline(document, gate, figure, at)
    else:
        yield from _impossible(gate, figure, at)


def _unfit_baseline(document: JobDocument, gate: Gate, figure: Figure, at: str) -> Iterator[Problem]:
    place = f"{at}/relative_to"
    if figure.kind == "comparison":
        yield Problem(
            place,
            f"{figure.name} compares already; leave relative_to out",
            "nothing_to_compare_with",
        )
    elif figure.kind == "agreement" and gate.relative_to == "teacher":
        yield Problem(
            place,
            "agreement is with the teacher already; leave relative_to out",
            "nothing_to_compare_with",
        )
    elif gate.relative_to == "control" and not document.has_control:
        yield Problem(place, _no_control(document), "no_control")
    elif gate.relative_to == "control" and figure.kind not in ("answer", "agreement"):
        yield Problem(
            place,
            f"the control is built as the student is: its {figure.name} says nothing; compare with the "
            "teacher or with a model",
            "nothing_to_compare_with",
        )


def _impossible(gate: Gate, figure: Figure, at: str) -> Iterator[Problem]:
    """A bound that no network can reach: a share in percent, above all."""
    for field, bound, missed in (
        ("min", gate.min, gate.min is not None and gate.min > figure.most),
        ("max", gate.max, gate.max is not None and gate.max < figure.least),
    ):
        if missed:
            limit = f"above {figure.most:g}" if field == "min" else f"below {figure.least:g}"
            yield Problem(
                f"{at}/{field}",
                f"{figure.name} is never {limit}: nothing can pass {field} {bound:g}"
                + ("; write 97% as 0.97" if figure.most == 1 and field == "min" else ""),
                "gate_impossible",
            )


def _no_control(document: JobDocument) -> str:
    if TASKS[document.task].target == "embedding":
        return f"{document.task} has none: there are no labels that it could learn from"
    return "evaluation.control is false; leave it out, so that the control is trained too"


def _why_it_cannot_answer(
    document: JobDocument, network: Network, data: Dataset, reader: Network | None
) -> str | None:
    target, answers = TASKS[document.task].target, TASKS[network.task].target
    if answers != target:
        return f"this model is for {network.task}, not {document.task}; compare with one of this task"
    if target != "embedding" and not _same_labels(network, data):
        return (
            "this model's labels are not those of the dataset, so that their figures say different things; "
            "compare with a model of the same labels"
        )
    if target == "embedding" and reader is not None and network.num_outputs != reader.num_outputs:
        return (
            f"this model gives {network.num_outputs} numbers, the teacher {reader.num_outputs}; compare with "
            "one of the same size"
        )
    if network.input.kind != data.input.kind:
        return f"this model takes {network.input.kind}, the dataset holds {data.input.kind}"
    if network.input.kind == "text":
        return _why_it_cannot_read(network, reader, in_words=target == "tag")
    resizes = network.preprocessing.resize is not None or network.preprocessing.crop is not None
    same = network.input.shape[:1] if resizes else network.input.shape
    if same != (data.input.shape[:1] if resizes else data.input.shape):
        return (
            f"this model takes examples of shape {network.input.shape}, the dataset holds {data.input.shape}"
        )
    return None


def _same_labels(network: Network, data: Dataset) -> bool:
    """In any order; a single number needs no name."""
    if network.num_outputs == len(data.labels) == 1 and TASKS[network.task].target == "number":
        return True
    return network.labels is not None and sorted(network.labels) == sorted(data.labels)


def _why_it_cannot_read(network: Network, reader: Network | None, *, in_words: bool) -> str | None:
    if _TOKENIZER not in network.files:
        return "this model has no tokenizer.json, and cannot read text"
    if in_words and reader is not None and _tokens(network) != _tokens(reader):
        return (
            "this model cuts texts into other tokens than the teacher, so that other words of test are "
            "judged; compare with a model that has the teacher's tokenizer and max_length"
        )
    return None


def _tokens(network: Network) -> tuple[str | None, int]:
    return network.files.get(_TOKENIZER), network.preprocessing.max_length or network.input.shape[0]


def _offer(name: str, known: Sequence[str]) -> str:
    """The nearest names, or where none is near all of them, as far as they are few."""
    if nearest := get_close_matches(name, known, n=_OFFERED, cutoff=0.5):
        return f"nearest are: {', '.join(nearest)}"
    return f"there are: {', '.join(known[:24])}" + (" and more" if len(known) > 24 else "")
