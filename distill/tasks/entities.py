"""Entities in sentences whose words are tagged B-kind, I-kind or O (Ramshaw and Marcus, 1995)."""

from torch import Tensor

Entity = tuple[int, int, int, str]
"""Of which example, its first word, the word after its last, and its kind."""


def entity_f1(picked: Tensor, labels: Tensor, examples: Tensor, names: list[str]) -> float:
    """The F1 of whole entities: right where first word, last word and kind are those of the label.

    An entity begins at B, and at an I that follows no word of its kind (as the evaluation of the
    CoNLL shared tasks counts). Arguments are int64 (words,). 1 where there is none and none was said.
    """
    said, there = (_entities(tags.tolist(), examples.tolist(), names) for tags in (picked, labels))
    everything = len(said) + len(there)
    return 2 * len(said & there) / everything if everything else 1.0


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
