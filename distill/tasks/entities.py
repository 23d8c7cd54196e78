"""Entities in sentences whose words are tagged B-kind, I-kind or O (Ramshaw and Marcus, 1995)."""

from collections import Counter

from torch import Tensor

Entity = tuple[int, int, int, str]
"""Of which example, its first word, the word after its last, and its kind."""


def entity_f1(picked: Tensor, labels: Tensor, examples: Tensor, names: list[str]) -> float:
    """The F1 of whole entities: right where first word, last word and kind are those of the label.

    An entity begins at B, and at an I that follows no word of its kind (as the evaluation of the
    CoNLL shared tasks counts). Arguments are int64 (words,). 1 where there is none and none was said.
    """
    counts = entity_counts(picked, labels, examples, names).values()
    everything = sum(both for _, both in counts)
    return 2 * sum(shared for shared, _ in counts) / everything if everything else 1.0


def entity_counts(
    picked: Tensor, labels: Tensor, examples: Tensor, names: list[str]
) -> dict[int, tuple[int, int]]:
    """Of each example how many of its entities were said rightly, and how many were said or are there."""
    said, there = (_entities(tags.tolist(), examples.tolist(), names) for tags in (picked, labels))
    shared = Counter(example for example, *_ in said & there)
    both = Counter(example for entities in (said, there) for example, *_ in entities)
    return {example: (shared[example], both[example]) for example in set(examples.tolist())}


def _entities(tags: list[int], examples: list[int], names: list[str]) -> set[Entity]:
    found: set[Entity] = set()
    example, start, kind = -1, 0, ""
    for word, (tag, of) in enumerate(zip([*tags, None], [*examples, -1], strict=True)):
        place, _, now = (names[tag] if tag is not None else "O").partition("-")
        goes_on = place == "I" and now == kind and of == example
        if kind and not goes_on:
            found.add((example, start, word, kind))
        if not goes_on:
            example, start, kind = of, word, now
    return found
