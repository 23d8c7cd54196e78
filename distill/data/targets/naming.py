"""Names of classes, labels and tags: which there are, in which order, and which are too many or too few."""

from collections import Counter
from collections.abc import Iterable, Mapping

from distill.data.examples import sorted_labels
from distill.rejection import Rejected

MOST_CLASSES = 10_000
PREVIEWS_OF_EACH = 3
PREVIEWED_NAMES = 100
WRONG_COLUMN = "check that `columns.label` names the right column"


def names_in_order(counts: Counter[str], *, noun: str) -> list[str]:
    """The different names in `counts`, in the order of the outputs.

    Raises:
        Rejected: `labels_not_classes`, where they are as many as a quantity or an id would give.
    """
    if len(counts) > MOST_CLASSES or (len(counts) > 50 and len(counts) > sum(counts.values()) / 2):
        raise Rejected(
            "labels_not_classes",
            "data",
            f"{sum(counts.values()):,} labeled {noun} have {len(counts):,} different labels: "
            "that looks like a quantity or an id",
            WRONG_COLUMN,
        )
    return sorted_labels(set(counts))


def require_two(counts: Counter[str], what: str) -> None:
    """Refuse labels that are all the same, or none.

    Raises:
        Rejected: `one_class`.
    """
    if len(counts) < 2:
        found = f"only '{next(iter(counts))[:60]}'" if counts else "none"
        raise Rejected("one_class", "data", f"{what}; the labels name {found}", WRONG_COLUMN)


def renamed(names: Iterable[str], label_map: Mapping[str, str]) -> list[str]:
    """Names that stay as many when `label_map` is applied.

    Raises:
        Rejected: `labels_mismatch`, where two become one.
    """
    mapped = [label_map.get(name, name) for name in names]
    twice = next((name for name, count in Counter(mapped).items() if count > 1), None)
    if twice is not None:
        raise Rejected("labels_mismatch", "data", f"two labels are called '{twice[:60]}'", "name each once")
    return mapped


def refuse_map(label_map: Mapping[str, str], what: str) -> None:
    """Refuse a `label_map` that would go unheard.

    Raises:
        Rejected: `label_map_unfit`.
    """
    if label_map:
        raise Rejected("label_map_unfit", "user", f"label_map renames classes; {what}", "leave label_map out")
