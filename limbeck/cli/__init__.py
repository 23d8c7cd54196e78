"""The command line: `limbeck COMMAND ...`."""

import sys
from typing import Annotated

import typer

from limbeck.cli import exits, gating, inputs, jobs, machine, pulling, verifying
from limbeck.cli.registry import datasets, models
from limbeck.cli.terminal import Format, terminal
from limbeck.errors import LimbeckError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(models, name="model")
app.add_typer(datasets, name="dataset")
for commands in (machine, inputs, jobs, gating, pulling, verifying):
    for command in commands.COMMANDS:
        app.command()(command)


@app.callback()
def limbeck(
    output: Annotated[
        Format | None,
        typer.Option("-o", "--output", help="How to print results.", callback=terminal.choose),
    ] = None,
) -> None:
    """Distill neural networks as jobs of a Limbeck service.

    LIMBECK_URL and LIMBECK_API_KEY say which service and who you are. `limbeck up` starts a service and
    prints both; `limbeck demo` shows a whole job without either.

    Exit codes:

    0  passed, or no gate

    1  the job failed

    2  bad usage, or rejected

    3  a gate failed or is inconclusive, an export failed, or a folder is not as its job left it

    4  cancelled

    5  the time to wait is over; the job still runs

    6  unreachable, or failed for its infrastructure

    7  not authorized, or over quota
    """


def main() -> None:
    """Run the command line; an error of ours is a sentence and an exit code, never a traceback."""
    try:
        app()
    except LimbeckError as error:
        terminal.complain(error)
        sys.exit(exits.of_error(error))
    except OSError as error:  # a file of the user's
        terminal.complain(LimbeckError(f"{error.filename or 'a file'}: {error.strerror or error}"))
        sys.exit(exits.Exit.USAGE)
