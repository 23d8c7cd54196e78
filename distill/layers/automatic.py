"""Which layers are compared where the job says `auto`: matched by stage and depth."""

from collections.abc import Sequence

from distill.config.layer_names import INPUT
from distill.config.losses import (
    OUTPUTS,
    AttentionMap,
    AttentionTransfer,
    HiddenState,
    Hint,
    LayerPair,
    LayerTerm,
    Review,
    ValueRelation,
)
from distill.config.tasks import Target
from distill.layers.anatomy import Anatomy


def automatic_pairs(
    section: LayerTerm, *, student: Anatomy, teacher: Anatomy, target: Target
) -> list[LayerPair]:
    """The layers that `section` compares, in the order of the student; none where it finds none.

    A hint is the middle of what could be compared: a deep one leaves the student too little freedom
    (Romero et al., 2015, section 2.2). Attention of feature maps and reviews take every stage. States
    take every layer and what the first one is given (Jiao et al., 2020, section 3.1), their
    cosines the last layer (Sanh et al., 2019); scores every layer (Jiao et al., 2020), probabilities
    and values the last (Wang et al., 2020, sections 3.1 and 3.2). Relations between examples are those of
    `Anatomy.embedding`, the last there is before the head; where an embedding is what the student is
    for, of the outputs.
    """
    match section:
        case Hint():
            return _middle(_trunk(student, teacher))
        case AttentionTransfer() | Review():
            return _by_stage(student, teacher)
        case HiddenState(form="mse"):
            return _entrances(student, teacher) + _by_layer(student, teacher)
        case HiddenState():
            return _by_layer(student, teacher)[-1:]
        case AttentionMap(form="scores"):
            return _by_attention(student, teacher)
        case AttentionMap() | ValueRelation():
            return _by_attention(student, teacher)[-1:]
    if target == "embedding":
        return [LayerPair(student=OUTPUTS, teacher=OUTPUTS)]
    return [LayerPair(student=student.embedding, teacher=teacher.embedding)]


def stages(network: Anatomy) -> list[str]:
    """The last block of each size of feature map, from the input on."""
    last: dict[tuple[int, ...], str] = {}
    for block in network.blocks:
        last[network.features[block][1:]] = block
    return list(last.values())


def activations(network: Anatomy) -> list[str]:
    """What each linear layer after the first takes: the hidden activations of a perceptron."""
    return [f"{name}{INPUT}" for name in network.linears[1:]]


def _trunk(student: Anatomy, teacher: Anatomy) -> list[LayerPair]:
    """The pairs between two networks of one kind."""
    if student.encoder or teacher.encoder:
        return _by_layer(student, teacher)
    if student.blocks or teacher.blocks:
        return _by_stage(student, teacher)
    return _by_depth(activations(student), activations(teacher))


def _by_stage(student: Anatomy, teacher: Anatomy) -> list[LayerPair]:
    """Stage with stage, counted from the end: there both networks know most."""
    from_the_end = zip(reversed(stages(student)), reversed(stages(teacher)), strict=False)
    return [LayerPair(student=ours, teacher=theirs) for ours, theirs in from_the_end][::-1]


def _by_layer(student: Anatomy, teacher: Anatomy) -> list[LayerPair]:
    return _by_depth([layer.name for layer in student.encoder], [layer.name for layer in teacher.encoder])


def _by_attention(student: Anatomy, teacher: Anatomy) -> list[LayerPair]:
    return _by_depth(
        [layer.attention.name for layer in student.encoder],
        [layer.attention.name for layer in teacher.encoder],
    )


def _by_depth(ours: Sequence[str], theirs: Sequence[str]) -> list[LayerPair]:
    """Layer i of n with layer ceil((i + 1) * m / n) - 1 of m: evenly, the last with the last."""
    return [
        LayerPair(student=name, teacher=theirs[-(-(number + 1) * len(theirs) // len(ours)) - 1])
        for number, name in enumerate(ours if theirs else ())
    ]


def _entrances(student: Anatomy, teacher: Anatomy) -> list[LayerPair]:
    """What the first layers of both transformers are given: the embeddings of the tokens."""
    return [
        LayerPair(student=f"{ours.name}{INPUT}", teacher=f"{theirs.name}{INPUT}")
        for ours, theirs in zip(student.encoder[:1], teacher.encoder[:1], strict=False)
    ]


def _middle(pairs: list[LayerPair]) -> list[LayerPair]:
    middle = (len(pairs) - 1) // 2
    return pairs[middle : middle + 1] if pairs else []
