"""The job documents in `docs/distill.md`: the first is whole, each of the others changes it."""

import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import yaml

PAGE = Path(__file__).parent.parent.parent / "docs" / "distill.md"
_BLOCK = re.compile(r"^(?P<indent> *)```yaml\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def documents() -> dict[str, dict[str, Any]]:
    """Every job document of the page, by the heading above it and its number below that."""
    page = PAGE.read_text()
    first, *changes = _BLOCK.finditer(page)
    whole = yaml.safe_load(first["text"])
    found = {"first": whole}
    for block in changes:
        heading = _HEADING.findall(page[: block.start()])[-1]
        number = sum(name.startswith(heading) for name in found) + 1
        changed = {**whole, **yaml.safe_load(dedent(block["text"]))}
        found[f"{heading} {number}"] = {name: value for name, value in changed.items() if value is not None}
    return found


DOCUMENTS = documents()
