"""Show networks a few examples before anything trains, and refuse what could not work."""

from collections.abc import Callable, Sequence
from math import sqrt

import torch
from torch import Tensor, nn

from distill.batches import View
from distill.config.networks import Input, Network
from distill.config.tasks import Target
from distill.rejection import Rejected
from distill.tasks.science import Science
from distill.teachers import FrozenTeacher, Teacher

Warn = Callable[[str, str], None]
EXAMPLES_TO_TRY = 512
AT_ONCE = 64
ALIKE = 1 - 1e-4
"""Mean cosine of the embeddings of different examples above which they tell nothing apart."""


def try_network(
    module: nn.Module, view: View, network: Network, who: str, *, at_once: int, pointer: str | None = None
) -> None:
    """Show one or two examples, to see that the network takes them, and so few at once.

    Raises:
        Rejected: `input_does_not_fit` or `outputs_do_not_fit`.
    """
    inputs, _ = view.batch(torch.arange(min(2, at_once)) % len(view))
    place = {"pointer": pointer or _PLACES.get(who, f"/{who}")}
    try:
        with torch.inference_mode():
            outputs: Tensor = module(inputs)
    except (RuntimeError, ValueError, IndexError) as error:
        raise Rejected(
            "input_does_not_fit",
            "user",
            f"the {who} does not take inputs of shape {_shape(network.input)}: {str(error).splitlines()[0]}",
            f"change the {who}'s architecture or its preprocessing",
            place,
        ) from error
    wanted = (*_positions(inputs), network.num_outputs)
    if outputs.shape[1:] != wanted:
        raise Rejected(
            "outputs_do_not_fit",
            "user",
            f"the {who} gives outputs of shape {list(outputs.shape[1:])}, not {list(wanted)}",
            None,
            place,
        )


def try_teacher(
    teacher: Teacher, validation: View, science: Science, networks: Sequence[Network], warn: Warn
) -> None:
    """Refuse a teacher whose answers cannot be learned from; warn of one that knows nothing here.

    Raises:
        Rejected: as `try_network`, or `teacher_outputs_probabilities`, or `teacher_not_finite`.
    """
    if isinstance(teacher, FrozenTeacher):
        _try_one(teacher, validation, science, networks[0], "/teacher", warn)
        return
    for number, (one, network) in enumerate(zip(teacher.teachers, networks, strict=True)):
        assert isinstance(one, FrozenTeacher)
        _try_one(one, validation, science, network, f"/teachers/{number}/model", warn)


def _try_one(
    teacher: FrozenTeacher, validation: View, science: Science, network: Network, pointer: str, warn: Warn
) -> None:
    try_network(teacher.network, validation, network, "teacher", at_once=2, pointer=pointer)
    outputs, labels = _answers(teacher, validation, science)
    if not bool(torch.isfinite(outputs).all()):
        raise Rejected(
            "teacher_not_finite",
            "user",
            "the teacher answers some validation examples with NaN or infinity",
            "check its preprocessing, or upload an earlier checkpoint of it",
            {"pointer": pointer},
        )
    last = _applied_already(outputs, science.target)
    if last is not None:
        raise Rejected(
            "teacher_outputs_probabilities",
            "user",
            f"the teacher's outputs are probabilities, not logits: it applies {last} already",
            f"register the network without its last {last}",
            {"pointer": pointer},
        )
    doubt = _knows_nothing(outputs, labels, science)
    if doubt is not None:
        suspects = (
            "its preprocessing" if science.target == "embedding" else "its labels and its preprocessing"
        )
        warn("teacher_near_chance", f"{doubt}: check {suspects}")


def _answers(teacher: FrozenTeacher, view: View, science: Science) -> tuple[Tensor, Tensor]:
    """Outputs and labels of the labeled ones among the rows of some examples, on the CPU."""
    outputs, labels = [], []
    for rows in torch.split(_some(view.labeled_rows()), AT_ONCE):
        inputs, of_batch = view.batch(rows)
        outputs.append(science.rows(teacher(inputs).outputs, inputs).cpu())
        labels.append(science.row_labels(of_batch, inputs).cpu())
    known = science.labeled(torch.cat(labels))
    return torch.cat(outputs)[known], torch.cat(labels)[known]


def _some(rows: Tensor) -> Tensor:
    """So many of the rows, evenly: a dataset may be sorted by its classes."""
    return rows[:: -(-len(rows) // EXAMPLES_TO_TRY)]


def _applied_already(outputs: Tensor, target: Target) -> str | None:
    """What turned logits into probabilities, or into their logarithms, before we saw them."""
    if target in ("class", "tag"):
        for name, rows in (("softmax", outputs.double()), ("log_softmax", outputs.double().exp())):
            sums = rows.sum(dim=-1)
            if bool((rows >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-4):
                return name
    if target == "label_set" and bool(((outputs >= 0) & (outputs <= 1)).all()):
        return "sigmoid"
    return None


def _knows_nothing(outputs: Tensor, labels: Tensor, science: Science) -> str | None:
    """A sentence where the answers are about as good as those of somebody who never looks."""
    if science.target == "embedding":
        directions = nn.functional.normalize(outputs.double(), dim=-1)
        alike = float(directions.mean(dim=0).square().sum())
        return "the teacher gives all examples about the same embedding" if alike > ALIKE else None
    figure = science.scores(outputs, labels, torch.arange(len(labels))).main()
    if science.target == "class":
        chance = 1 / outputs.shape[-1]
        near = figure <= chance + 2 * sqrt(chance * (1 - chance) / len(labels))
        return (
            f"the teacher is right on {figure:.0%} of {len(labels)} validation examples, about as a guess "
            f"among {outputs.shape[-1]} classes would be"
            if near
            else None
        )
    ((_, constant),) = science.baseline(labels, labels).items()
    if figure > constant:
        return None
    return (
        f"the teacher reaches {science.main_figure} {figure:.2f} over {len(labels)} answers on the "
        f"validation split; one that never looks at its input reaches {abs(constant):.2f}"
    )


def _positions(inputs: object) -> tuple[int, ...]:
    """Where words have tags there is an answer for each token."""
    if isinstance(inputs, dict) and "word_starts" in inputs:
        return (inputs["word_starts"].shape[1],)
    return ()


def _shape(input: Input) -> str:
    return " x ".join(map(str, input.shape))


_PLACES = {"assistant": "/via"}
