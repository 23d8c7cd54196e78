"""Commands that start processes on this machine, or look at it."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from limbeck import demo as demonstration
from limbeck import doctor as examination
from limbeck.cli.exits import Exit
from limbeck.cli.terminal import Format, Output, terminal
from limbeck.client import DEFAULT_PORT
from limbeck.home import Home
from limbeck.up import up as run_service


def up(
    home: Annotated[Path, typer.Option(help="The folder that holds all of it.")] = Path("~/.limbeck"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="On 127.0.0.1; 0 takes a free one.")] = (
        DEFAULT_PORT
    ),
    output: Output = None,
) -> None:
    """Run the whole service on this machine until Ctrl-C: database, broker and files in one folder."""
    run_service(home, port, ready=_greet)
    terminal.note("stopped")


def demo(output: Output = None) -> None:
    """Watch one job from teacher to student, on real digits, in a service that is gone afterwards."""
    demonstration.demo(terminal.err if terminal.format is Format.JSON else terminal.out)


def doctor(
    home: Annotated[Path, typer.Option(help="The folder that `up` would use.")] = Path("~/.limbeck"),
    output: Output = None,
) -> None:
    """Look for what keeps Limbeck from working here, and say what to do."""
    findings = examination.examine(home)
    terminal.result([finding.as_json() for finding in findings], text=examination.table(findings))
    if any(finding.verdict is examination.Verdict.FAIL for finding in findings):
        raise typer.Exit(Exit.FAILED)


COMMANDS = (up, demo, doctor)


def _greet(home: Home, url: str) -> None:
    key = home.key()
    if terminal.format is Format.JSON:
        typer.echo(json.dumps({"url": url, "key": key, "home": str(home.path), "pid": os.getpid()}))
        return
    shown = key or f"(was written once to {home.key_file}, which is gone)"
    typer.echo(
        f"Limbeck is ready.\n\n"
        f"  URL   {url}\n"
        f"  key   {shown}\n"
        f"  home  {home.path}  (logs in {home.logs})\n\n"
        f"  export LIMBECK_URL={url} LIMBECK_API_KEY={key or '...'}\n\n"
        f"Ctrl-C stops it; `limbeck up` on the same home goes on."
    )
