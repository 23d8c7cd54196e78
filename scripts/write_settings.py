"""Writes the table of settings in docs/operate.md from `ledger.settings`: `make docs`."""

import ast
import inspect
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from ledger import settings

PAGE = Path(__file__).parent.parent / "docs" / "operate.md"
_PLACE = re.compile(r"(<!-- settings: .*? -->\n).*?(<!-- end of settings -->)", re.DOTALL)


def main() -> None:
    PAGE.write_text(with_table(PAGE.read_text()))


def with_table(page: str) -> str:
    """The page, its table as the settings are now."""
    return _PLACE.sub(lambda found: found[1] + table() + found[2], page)


def table() -> str:
    """One row for each setting: its variable, its default, and what its docstring says."""
    said = _docstrings(settings.Settings)
    rows = [
        f"| `LIMBECK_{name.upper()}` | {_default(field)} | {said[name]} |"
        for name, field in settings.Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows, ""])


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if isinstance(value, timedelta):
        return f"{value.days} days" if value.days else f"{value.total_seconds():g} s"
    if value is None or value in ([], {}):
        return ""
    return f"`{value}`"


def _docstrings(described: type) -> dict[str, str]:
    """What stands under each field of the class; empty where its name says it all."""
    (body,) = (
        node.body for node in ast.parse(inspect.getsource(described)).body if isinstance(node, ast.ClassDef)
    )
    said = {}
    for field, below in zip(body, [*body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            text = (
                below.value.value
                if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
                else ""
            )
            said[field.target.id] = " ".join(str(text).split())
    return said


if __name__ == "__main__":
    main()
