"""A job as it goes: a moving bar in a terminal, plain lines in a log."""

import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from limbeck.objects import Job

_EVERY_TENTH = 10


def follow(snapshots: Iterator[Job], console: Console) -> Job:
    """Show each snapshot of a job on `console`; the last one."""
    return _bar(snapshots, console) if console.is_terminal else _lines(snapshots, console)


def _bar(snapshots: Iterator[Job], console: Console) -> Job:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=1.0)
        for job in snapshots:
            progress.update(bar, description=doing(job) + _found(job), completed=_fraction(job))
    return job


def _lines(snapshots: Iterator[Job], console: Console) -> Job:
    """A line whenever the job does something else, and at every tenth of the way."""
    began = time.monotonic()
    said: tuple[str, int] | None = None
    for job in snapshots:
        news = doing(job), int(_fraction(job) * _EVERY_TENTH)
        if news != said:
            said = news
            line = f"{time.monotonic() - began:6.1f} s  {_fraction(job):4.0%}  {news[0]}{_found(job)}"
            console.print(line, markup=False)
    return job


def doing(job: Job) -> str:
    """What a job does now, in a few words."""
    status = job["status"]
    if status == "running":
        again = f" (attempt {job['attempt']})" if job.get("attempt", 1) > 1 else ""
        return (job.get("phase") or "starting").replace("_", " ") + again
    if status == "queued" and (queue := job.get("queue")):
        return f"queued: {queue['reason']}" if queue.get("reason") else "queued"
    return status


def _found(job: Job) -> str:
    """How good the network that is trained was last found to be: `: student accuracy 0.931`."""
    newest = (job.get("progress") or {}).get("validation")
    if not newest or not (job.get("phase") or "").startswith("training"):
        return ""
    return f": {newest['run']} {newest['figure']} {newest['value']:.3f}"


def _fraction(job: Job) -> float:
    if job["status"] == "succeeded":
        return 1.0
    return float((job.get("progress") or {}).get("fraction") or 0.0)
