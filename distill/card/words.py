"""Numbers, tables and words of a user's own, as Markdown."""

import re
from collections.abc import Mapping, Sequence
from typing import Any


def text(said: object) -> str:
    """On one line, and nothing in it is Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&])", r"\\\1", " ".join(str(said).split()))


def number(value: float | None) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def interval(found: Mapping[str, Any] | None) -> str:
    """`0.95 [0.93, 0.97]`; the value alone where nobody knows how sure it is, or it is exact."""
    if found is None or found.get("value") is None:
        return ""
    if found.get("low") is None or found["low"] == found["value"] == found["high"]:
        return number(found["value"])
    return f"{number(found['value'])} [{number(found['low'])}, {number(found['high'])}]"


def size(count: int) -> str:
    """`12.3 kB`, in thousands as disks are sold."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
