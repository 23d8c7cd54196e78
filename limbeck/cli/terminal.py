"""Where a command writes: its result to standard output, everything else to standard error."""

import json
import sys
from enum import StrEnum
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console, RenderableType

from limbeck.errors import LimbeckError, NotAuthorized, Refused, Unreachable

_LOG_WIDTH = 200


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"


class Terminal:
    """One for the whole command; `format` is set by `-o`, before or after the command's name."""

    def __init__(self) -> None:
        self.format = Format.TEXT

    @property
    def out(self) -> Console:
        return _console(sys.stdout)

    @property
    def err(self) -> Console:
        return _console(sys.stderr)

    def choose(self, chosen: Format | None) -> Format | None:
        if chosen is not None:
            self.format = chosen
        return chosen

    def result(self, found: Any, *, text: RenderableType) -> None:
        """What the command was asked for: `found` for a program, `text` for a person."""
        if self.format is Format.JSON:
            typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        elif isinstance(text, str):
            self.out.print(text, markup=False, soft_wrap=True)  # a line is one thing, to be copied whole
        else:
            self.out.print(text)

    def note(self, text: str) -> None:
        """Something on the way."""
        self.err.print(text, markup=False, style="dim")

    def complain(self, error: LimbeckError) -> None:
        """What is wrong and, where the service said more, all of it."""
        if self.format is Format.JSON:
            typer.echo(json.dumps({"error": _as_json(error)}, indent=2, ensure_ascii=False), err=True)
            return
        self.err.print(f"limbeck: {error}", markup=False, style="red")
        if isinstance(error, Refused):
            for pointer, detail in error.problem.errors:
                self.err.print(f"  {pointer or '/'}: {detail}", markup=False)
            if "allowed_actions" in error.problem.extra:
                allowed = ", ".join(error.problem.extra["allowed_actions"]) or "nothing"
                self.err.print(f"  possible now: {allowed}", markup=False)
        if isinstance(error, NotAuthorized):
            self.err.print("  set LIMBECK_API_KEY to a key of this service", markup=False)
        if isinstance(error, Unreachable):
            self.err.print("  set LIMBECK_URL to a service that runs; `limbeck up` starts one", markup=False)


def _console(file: TextIO) -> Console:
    """Honors NO_COLOR; a log is as wide as its lines."""
    return Console(file=file, highlight=False, width=None if file.isatty() else _LOG_WIDTH)


def _as_json(error: LimbeckError) -> dict[str, Any]:
    if not isinstance(error, Refused):
        return {"code": type(error).__name__, "detail": str(error)}
    problem = error.problem
    return {
        **problem.extra,
        "status": problem.status,
        "title": problem.title,
        "detail": problem.detail,
        "code": problem.code,
        "request_id": problem.request_id,
        "errors": [{"pointer": pointer, "detail": detail} for pointer, detail in problem.errors],
    }


terminal = Terminal()

Output = Annotated[
    Format | None,
    typer.Option("-o", "--output", help="How to print the result.", callback=terminal.choose),
]
