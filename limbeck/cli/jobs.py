"""Commands about jobs."""

import re
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from limbeck import document, live, tables
from limbeck.cli.exits import Exit, of_job
from limbeck.cli.terminal import Format, Output, terminal
from limbeck.client import Client
from limbeck.errors import Rejected
from limbeck.objects import Job

JobId = Annotated[str, typer.Argument(help="The id of the job, as `limbeck ls` shows it.", metavar="JOB")]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(text: str) -> float:
    """`5h`, `1h30m`, `90s`, or plain seconds."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not re.fullmatch(r"(\d+[smhd])+", text):
        raise typer.BadParameter(f"'{text}' is no duration; write 90s, 10m, 5h or 1h30m")
    return float(sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)([smhd])", text)))


def run(
    file: Annotated[Path, typer.Option("-f", "--file", help="The job document; - reads standard input.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and plan; submit nothing.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the job; its end is the exit code.")] = False,
    timeout: Annotated[
        float | None, typer.Option(parser=_seconds, metavar="5h", help="How long to wait.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change the document: training.epochs=5."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="A new job, even where the document's dedupe_key has one.")
    ] = False,
    allow_inconclusive: Annotated[
        bool, typer.Option("--allow-inconclusive", help="An inconclusive gate is no failure.")
    ] = False,
    output: Output = None,
) -> None:
    """Submit a job document, and follow the job with --wait.

    limbeck run -f job.yaml --dry-run

    limbeck run -f job.yaml --set training.epochs=5 --wait --timeout 1h
    """
    read = _document(file, assignments or [], fresh=fresh)
    with Client() as client:
        try:
            if dry_run:
                plan = client.jobs.plan(read.content)
                terminal.result(plan, text=tables.plan(plan))
                return
            job = client.jobs.submit(read.content)
        except Rejected as error:
            _point_out(error, read)
        if not wait:
            terminal.result(job, text=job["id"])
            return
        job = _followed(client, job["id"], timeout)
        terminal.result(job, text=tables.job(job))
        raise typer.Exit(of_job(job, allow_inconclusive=allow_inconclusive))


def get(job_id: JobId, output: Output = None) -> None:
    """Show a job: what it does or waits for, why it failed, what came of it.

    limbeck get job_... -o json
    """
    with Client() as client:
        job = client.jobs.get(job_id)
    terminal.result(job, text=tables.job(job))


def ls(
    status: Annotated[str | None, typer.Option(help="Only jobs in this state.")] = None,
    name: Annotated[str | None, typer.Option(help="Only jobs of this name.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    output: Output = None,
) -> None:
    """List jobs, newest first.

    limbeck ls --status running
    """
    with Client() as client:
        listed = [
            job for job, _ in zip(client.jobs.list(status=status, name=name), range(limit), strict=False)
        ]
    terminal.result(listed, text=tables.jobs(listed))


def logs(
    job_id: JobId,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until the job is over.")] = False,
    attempt: Annotated[int | None, typer.Option(min=1, help="Of this attempt; else the newest.")] = None,
    output: Output = None,
) -> None:
    """Print what the training process wrote.

    limbeck logs job_... -f
    """
    with Client() as client:
        if terminal.format is Format.JSON:
            terminal.result({"job": job_id, "text": client.jobs.logs(job_id, attempt=attempt)}, text="")
        elif follow:
            _follow_log(client, job_id)
        else:
            sys.stdout.write(client.jobs.logs(job_id, attempt=attempt))


def cancel(job_id: JobId, output: Output = None) -> None:
    """Cancel a job; a running one saves a checkpoint and stops."""
    with Client() as client:
        job = client.jobs.cancel(job_id)
    terminal.result(job, text=f"{job['id']} is {'stopping' if job['status'] == 'running' else job['status']}")


def report(
    job_id: JobId,
    form: Annotated[str, typer.Option("--format", help="md, html, junit or json.")] = "md",
    output: Output = None,
) -> None:
    """Print a job's report.

    limbeck report job_... --format md > report.md
    """
    suffix = "json" if terminal.format is Format.JSON else {"junit": "xml"}.get(form, form)
    if suffix not in ("md", "html", "xml", "json"):
        raise typer.BadParameter(f"'{form}' is none of md, html, junit, json", param_hint="--format")
    with Client() as client:
        sys.stdout.write(client.jobs.report(job_id, suffix))


COMMANDS = (run, get, ls, logs, cancel, report)


def _document(file: Path, assignments: list[str], *, fresh: bool) -> document.Document:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise document.DocumentUnreadable(f"cannot read {file}: {reason}") from None
    read = document.read(file, text)
    for assignment in assignments:
        read = read.with_value(assignment)
    return read.without("dedupe_key") if fresh else read


def _point_out(error: Rejected, read: document.Document) -> NoReturn:
    """Say of each problem where it stands in the file."""
    if terminal.format is Format.JSON or not error.problem.errors:
        raise error
    for pointer, detail in error.problem.errors:
        place = read.place(pointer)
        at = f"{read.name}:{place.line}:{place.column}" if place else "--set"
        terminal.err.print(f"{at}: {pointer or '/'}: {detail}", markup=False, style="red")
    raise typer.Exit(Exit.USAGE)


def _followed(client: Client, job_id: str, timeout: float | None) -> Job:
    """The job when it is over. Ctrl-C leaves it alone and goes away."""
    try:
        terminal.note(f"job {job_id}")
        return live.follow(client.jobs.watch(job_id, timeout=timeout), terminal.err)
    except KeyboardInterrupt:
        terminal.note(f"detached; the job goes on. See it with:  limbeck get {job_id}")
        raise typer.Exit(Exit.STILL_RUNS) from None


def _follow_log(client: Client, job_id: str) -> None:
    try:
        for event in client.jobs.events(job_id):
            if event["type"] == "log":
                sys.stdout.write(event["data"].get("text", ""))
                sys.stdout.flush()
    except KeyboardInterrupt:
        raise typer.Exit(Exit.STILL_RUNS) from None
