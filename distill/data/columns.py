"""Which columns of a source are the input, the label and the split, as the request names them."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from distill.rejection import Rejected

USUAL_LABELS = ("label", "labels", "target", "class", "y")
USUAL_TEXTS = ("text", "sentence", "content", "review")
LATER = ("image", "text_pair", "group")


@dataclass(frozen=True)
class Columns:
    """Positions of the columns in a row. `inputs` is one text, or the features in order."""

    inputs: list[int]
    label: int
    split: int | None


def choose(header: Sequence[str], asked: dict[str, Any], *, is_text: bool, split: str | None) -> Columns:
    """The columns that the request names, else the usual names; features are all that is left.

    Raises:
        Rejected: `column_missing` with the nearest name, or `column_ambiguous`.
    """
    for later in LATER:
        if asked.get(later) is not None:
            raise Rejected(
                "not_available_yet", "user", f"columns.{later} is not available in this version yet"
            )
    unknown = sorted(set(asked) - {"text", "features", "label", "split", *LATER})
    if unknown:
        raise Rejected(
            "unknown_field", "user", f"columns has no '{unknown[0]}'", "it has text, features, label, split"
        )
    split_name = asked.get("split") or split
    split_at = None if split_name is None else _find(header, split_name)
    label = _find(header, asked["label"]) if asked.get("label") else _usual(header, USUAL_LABELS, "label")
    if is_text:
        text = _find(header, asked["text"]) if asked.get("text") else _usual(header, USUAL_TEXTS, "text")
        return Columns([text], label, split_at)
    names = asked.get("features")
    if names:
        return Columns([_find(header, name) for name in names], label, split_at)
    features = [at for at in range(len(header)) if at not in (label, split_at)]
    if not features:
        raise Rejected("column_missing", "data", "there is no column of features beside the label")
    return Columns(features, label, split_at)


def _usual(header: Sequence[str], names: Sequence[str], role: str) -> int:
    lower = [name.lower() for name in header]
    for name in names:
        if name in lower:
            return lower.index(name)
    raise Rejected(
        "column_missing",
        "data",
        f"no column is called {', '.join(names[:-1])} or {names[-1]}; there are: {_listed(header)}",
        f"name it: columns: {{{role}: ...}}",
    )


def _find(header: Sequence[str], name: Any) -> int:
    matches = [at for at, column in enumerate(header) if column == name]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise Rejected(
            "column_ambiguous",
            "data",
            f"{len(matches)} columns are called '{name}'",
            "give them unique names",
        )
    nearest = get_close_matches(str(name), header, n=1)
    hint = f"did you mean '{nearest[0]}'?" if nearest else f"there are: {_listed(header)}"
    raise Rejected("column_missing", "data", f"there is no column '{name}'", hint)


def _listed(header: Sequence[str]) -> str:
    shown = ", ".join(name[:40] for name in header[:20])
    return shown + (f" and {len(header) - 20} more" if len(header) > 20 else "")
