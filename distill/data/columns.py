"""Which columns of a source are the input, the label and the split, as the request names them."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from distill.config.folder import InspectDataset
from distill.config.tasks import TASKS
from distill.rejection import Rejected

USUAL_LABELS = ("label", "labels", "target", "class", "y")
USUAL_TEXTS = ("text", "sentence", "content", "review")
USUAL_WORDS = ("tokens", "words")
USUAL_TAGS = ("tags", "ner_tags", "pos_tags", *USUAL_LABELS)
LATER = ("image", "text_pair", "group")
KNOWN = {"text", "features", "label", "split", *LATER}

ColumnKind = Literal["text", "words", "tabular"]


@dataclass(frozen=True)
class Columns:
    """Positions of the columns in a row. `inputs` is one text, or the features in order."""

    kind: ColumnKind
    inputs: list[int]
    labels: list[int]
    """None for feature extraction; several where each is a label or a number of its own."""
    listed: bool
    """Whether the request lists the label columns: each is then one label, 0 or 1, or one number."""
    split: int | None


def choose(header: Sequence[str], request: InspectDataset) -> Columns:
    """The columns that the request names, else the usual names; features are all that is left.

    Raises:
        Rejected: `column_missing` with the nearest name, or `column_ambiguous`.
    """
    asked = request.columns
    _require_known(asked)
    split_name = asked.get("split") or request.split.get("column")
    split = None if split_name is None else _find(header, split_name)
    labels = _labels(header, request)
    listed = isinstance(asked.get("label"), list)
    kind = _kind(header, request)
    if kind != "tabular":
        usual = USUAL_WORDS if kind == "words" else USUAL_TEXTS
        text = _find(header, asked["text"]) if asked.get("text") else _usual(header, usual, "text")
        return Columns(kind, [text], labels, listed, split)
    names = asked.get("features")
    if names:
        return Columns(kind, [_find(header, name) for name in names], labels, listed, split)
    features = [at for at in range(len(header)) if at not in labels and at != split]
    if not features:
        raise Rejected("column_missing", "data", "there is no column of features beside the label")
    return Columns(kind, features, labels, listed, split)


def _require_known(asked: dict[str, Any]) -> None:
    for later in LATER:
        if asked.get(later) is not None:
            raise Rejected(
                "not_available_yet", "user", f"columns.{later} is not available in this version yet"
            )
    unknown = sorted(set(asked) - KNOWN)
    if unknown:
        raise Rejected(
            "unknown_field", "user", f"columns has no '{unknown[0]}'", "it has text, features, label, split"
        )


def _kind(header: Sequence[str], request: InspectDataset) -> ColumnKind:
    """Text or features: what the task takes, else what is named, else text where a column is called so."""
    facts = TASKS[request.task]
    if facts.target == "tag":
        return "words"
    if facts.inputs == ("text",):
        return "text"
    if "text" not in facts.inputs:
        return "tabular"
    text, features = request.columns.get("text"), request.columns.get("features")
    if text and features:
        raise Rejected(
            "two_inputs",
            "user",
            "columns names a text and features; an example is one of them",
            "leave out text, or features",
        )
    if text or features:
        return "text" if text else "tabular"
    return "text" if {name.lower() for name in header} & set(USUAL_TEXTS) else "tabular"


def _labels(header: Sequence[str], request: InspectDataset) -> list[int]:
    target, asked = TASKS[request.task].target, request.columns.get("label")
    if target == "embedding":
        return [] if asked is None else [_find(header, name) for name in _as_list(asked)]
    if asked is None:
        return [_usual(header, USUAL_TAGS if target == "tag" else USUAL_LABELS, "label")]
    if isinstance(asked, list) and (target not in ("label_set", "number") or not asked):
        raise Rejected(
            "one_label_column",
            "user",
            f"columns.label lists {len(asked)} columns; {request.task} has its label in one",
            "name one column",
        )
    return [_find(header, name) for name in _as_list(asked)]


def _as_list(asked: Any) -> list[Any]:
    return asked if isinstance(asked, list) else [asked]


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
