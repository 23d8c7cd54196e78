"""The terms between layers: which features each looks at, and what becomes of them before its loss."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor, nn

from distill.config.losses import (
    AttentionMap,
    AttentionTransfer,
    Correlation,
    HiddenState,
    Hint,
    LayerPair,
    LayerTerm,
    ProbabilisticTransfer,
    Relational,
    Review,
    Similarity,
    ValueRelation,
)
from distill.layers.anatomy import Anatomy, SelfAttention
from distill.layers.fusion import FusedStages
from distill.layers.matching import attention_at
from distill.layers.projectors import projectors, same_size, seeded
from distill.losses import (
    attention_map_loss,
    attention_transfer_loss,
    correlation_loss,
    hidden_state_loss,
    hint_loss,
    probabilistic_transfer_loss,
    relational_loss,
    review_loss,
    similarity_loss,
    value_relation_loss,
)
from distill.losses.terms import Moment, Over, Term

Features = Sequence[Tensor]
Losses = Callable[[Features, Features, Tensor | None], Iterable[Tensor]]
"""From what the taps of student and teacher gave, and the mask of the tokens, to a loss for each pair."""


def layer_term(section: LayerTerm, *, student: Anatomy, teacher: Anatomy, seed: int) -> Term:
    """The term that a section describes whose layers are `resolved`.

    Its loss is the mean over the pairs of layers, where the papers write a sum, so that a weight means
    the same for any number of them. A projector is a function of the shapes and `seed` alone, on the
    CPU; each call makes its own.
    """
    assert section.layers != "auto"
    pairs = section.layers
    match section:
        case Hint() | HiddenState():
            return _projected(section, pairs, student, teacher, seed)
        case Review():
            return _reviewed(section, pairs, student, teacher, seed)
        case AttentionTransfer():
            return _term(section, _taps(pairs), _each(attention_transfer_loss), over="examples")
        case AttentionMap():
            return _attention_map(section, pairs, student, teacher)
        case ValueRelation():
            return _value_relation(section, pairs, student, teacher)
        case Relational(distance_weight=distance, angle_weight=angle):
            loss = partial(relational_loss, distance_weight=distance, angle_weight=angle)
            return _between_examples(section, pairs, loss)
        case Similarity():
            return _between_examples(section, pairs, similarity_loss)
        case ProbabilisticTransfer():
            return _between_examples(section, pairs, probabilistic_transfer_loss)
        case Correlation(gamma=gamma):
            return _between_examples(section, pairs, partial(correlation_loss, gamma=gamma))


def _projected(
    section: Hint | HiddenState, pairs: Sequence[LayerPair], student: Anatomy, teacher: Anatomy, seed: int
) -> Term:
    """Features of examples, or states of tokens, brought to the teacher's shape."""
    shapes = [(student.features[pair.student], teacher.features[pair.teacher]) for pair in pairs]
    project = seeded(seed, lambda: projectors(shapes))
    of_tokens = student.form(pairs[0].student) == "sequence"
    form = section.form if isinstance(section, HiddenState) else "mse"

    def losses(ours: Features, theirs: Features, mask: Tensor | None) -> Iterable[Tensor]:
        for projector, feature, target in zip(project, ours, theirs, strict=True):
            feature, target = same_size(feature, target)
            projected = projector(feature)
            if of_tokens:
                yield hidden_state_loss(projected, target, _real(mask, target), form=form)
            else:
                yield hint_loss(projected, target)

    learns = next(project.parameters(), None) is not None
    return _term(
        section,
        _taps(pairs),
        losses,
        over="tokens" if of_tokens else "examples",
        projector=project if learns else None,
    )


def _reviewed(
    section: Review, pairs: Sequence[LayerPair], student: Anatomy, teacher: Anatomy, seed: int
) -> Term:
    """Stages fused from the deepest up, in the order in which the student comes to them."""
    order = list(student.features)
    stages = sorted(pairs, key=lambda pair: order.index(pair.student))
    fuse = seeded(
        seed,
        lambda: FusedStages(
            [student.features[pair.student] for pair in stages],
            [teacher.features[pair.teacher] for pair in stages],
        ),
    )

    def losses(ours: Features, theirs: Features, mask: Tensor | None) -> Iterable[Tensor]:
        return _each(review_loss)(fuse(ours), theirs, mask)

    return _term(section, _taps(stages), losses, over="examples", projector=fuse)


def _between_examples(
    section: LayerTerm, pairs: Sequence[LayerPair], loss: Callable[[Tensor, Tensor], Tensor]
) -> Term:
    """Relations between the examples of a batch, each of which one vector stands for.

    Maps and the states of tokens are averaged; of maps, similarity takes every activation (Tung and
    Mori, 2019, section 3.1).
    """
    vector = _flat_or_pooled if isinstance(section, Similarity) else _pooled

    def losses(ours: Features, theirs: Features, mask: Tensor | None) -> Iterable[Tensor]:
        for feature, target in zip(ours, theirs, strict=True):
            yield loss(vector(feature, mask), vector(target, mask))

    return _term(section, _taps(pairs), losses, over="batch")


def _attention_map(
    section: AttentionMap, pairs: Sequence[LayerPair], student: Anatomy, teacher: Anatomy
) -> Term:
    """Attention is computed again from queries and keys: the kernels of a network show none."""
    taps = _Taps(
        _inside(student, [pair.student for pair in pairs], "query", "key"),
        _inside(teacher, [pair.teacher for pair in pairs], "query", "key"),
    )
    heads = [_attention_of(student, pair.student).heads for pair in pairs]

    def losses(ours: Features, theirs: Features, mask: Tensor | None) -> Iterable[Tensor]:
        for number, count in enumerate(heads):
            query, key = 2 * number, 2 * number + 1
            scores = _scores(ours[query], ours[key], count)
            target = _scores(theirs[query], theirs[key], count)
            yield attention_map_loss(scores, target, _real(mask, ours[query]), form=section.form)

    return _term(section, taps, losses, over="token_pairs" if section.form == "scores" else "tokens")


def _value_relation(
    section: ValueRelation, pairs: Sequence[LayerPair], student: Anatomy, teacher: Anatomy
) -> Term:
    taps = _Taps(
        _inside(student, [pair.student for pair in pairs], "value"),
        _inside(teacher, [pair.teacher for pair in pairs], "value"),
    )
    heads = section.relation_heads
    assert heads is not None

    def losses(ours: Features, theirs: Features, mask: Tensor | None) -> Iterable[Tensor]:
        for values, target in zip(ours, theirs, strict=True):
            yield value_relation_loss(_by_head(values, heads), _by_head(target, heads), _real(mask, values))

    return _term(section, taps, losses, over="tokens")


class _Taps(NamedTuple):
    student: tuple[str, ...]
    teacher: tuple[str, ...]


def _taps(pairs: Sequence[LayerPair]) -> _Taps:
    return _Taps(tuple(pair.student for pair in pairs), tuple(pair.teacher for pair in pairs))


def _inside(network: Anatomy, layers: Sequence[str], *projections: str) -> tuple[str, ...]:
    """The named linear layers inside the self-attention of each layer."""
    return tuple(f"{_attention_of(network, layer).name}.{name}" for layer in layers for name in projections)


def _attention_of(network: Anatomy, layer: str) -> SelfAttention:
    attention = attention_at(network, layer)
    assert attention is not None
    return attention


def _term(
    section: LayerTerm, taps: _Taps, losses: Losses, *, over: Over, projector: nn.Module | None = None
) -> Term:
    def loss(moment: Moment) -> Tensor:
        ours = [moment.student.taps[name] for name in taps.student]
        theirs = [moment.taught.taps[name] for name in taps.teacher]
        return torch.stack([*losses(ours, theirs, moment.mask)]).mean()

    return Term(section.kind, section.weight, loss, over, projector, taps.student, taps.teacher)


def _each(loss: Callable[[Tensor, Tensor], Tensor]) -> Losses:
    return lambda ours, theirs, _: map(loss, ours, theirs)


def _real(mask: Tensor | None, states_BLD: Tensor) -> Tensor:
    """bool (B, L): which tokens are no padding; without a mask, all."""
    return torch.ones_like(states_BLD[..., 0], dtype=torch.bool) if mask is None else mask


def _pooled(feature: Tensor, mask: Tensor | None) -> Tensor:
    """One vector an example, (B, D): of a map the mean of its pixels, of states that of the real tokens."""
    match feature.dim():
        case 4:
            return feature.mean(dim=(2, 3))
        case 3:
            real_BL1 = _real(mask, feature).unsqueeze(-1)
            return feature.where(real_BL1, 0.0).sum(dim=1) / real_BL1.sum(dim=1).clamp(min=1)
    return feature


def _flat_or_pooled(feature: Tensor, mask: Tensor | None) -> Tensor:
    return feature.flatten(start_dim=1) if feature.dim() == 4 else _pooled(feature, mask)


def _by_head(projected_BLD: Tensor, heads: int) -> Tensor:
    """(B, L, heads * size) to (B, heads, L, size)."""
    return projected_BLD.view(*projected_BLD.shape[:2], heads, -1).transpose(1, 2)


def _scores(query_BLD: Tensor, key_BLD: Tensor, heads: int) -> Tensor:
    """Attention before mask and softmax, (B, heads, L, L)."""
    query, key = _by_head(query_BLD, heads), _by_head(key_BLD, heads)
    return query @ key.transpose(-1, -2) / sqrt(query.shape[-1])
