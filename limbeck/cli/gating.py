"""Whether a student may leave, as an exit code."""

from typing import Annotated

import typer
from rich.console import Group

from limbeck import verdicts
from limbeck.cli.exits import Exit, of_gates
from limbeck.cli.jobs import JobId
from limbeck.cli.terminal import Output, terminal
from limbeck.client import Client
from limbeck.errors import LimbeckError


def gate(
    job_id: JobId,
    allow_inconclusive: Annotated[
        bool, typer.Option("--allow-inconclusive", help="An inconclusive gate is no failure.")
    ] = False,
    output: Output = None,
) -> None:
    """Show what a job's gates came to; the exit code says whether its student may leave.

    0 where every gate passed, 3 where one failed or is inconclusive or an export failed, 2 where the job has
    no gates. A job that still runs gives 5, one that failed 1 or 6, a cancelled one 4.

    limbeck gate job_... && limbeck pull job_... -o student
    """
    with Client() as client:
        job = client.jobs.get(job_id)
    code = of_gates(job, allow_inconclusive=allow_inconclusive)
    if code is Exit.USAGE:
        terminal.complain(LimbeckError(f"{job_id} has no gates: nothing was asked of its student"))
        raise typer.Exit(code)
    result = job.get("result") or {}
    judged, made = result.get("gates") or [], result.get("exports") or {}
    conclusion = job.get("conclusion") or job["status"]
    terminal.result(
        {
            "job": job_id,
            "status": job["status"],
            "conclusion": job.get("conclusion"),
            "gates": judged,
            "exports": {name: entry["status"] for name, entry in made.items()},
        },
        text=Group(
            *verdicts.gates(judged),
            *verdicts.exports(made, result.get("main_figure", "accuracy")),
            conclusion.replace("_", " "),
        ),
    )
    raise typer.Exit(code)


COMMANDS = (gate,)
