"""Taking home what a job left."""

from pathlib import Path
from typing import Annotated

import typer

from limbeck.cli.exits import of_job
from limbeck.cli.terminal import Format, terminal
from limbeck.cli.verifying import note_unlisted, remember_keys
from limbeck.client import Client
from limbeck.errors import LimbeckError
from limbeck.objects import Job


def pull(
    source: Annotated[
        str,
        typer.Argument(
            help="The id of a job, or its student as a model: an id, a name, or name@alias.",
            metavar="JOB|NAME@ALIAS",
        ),
    ],
    output: Annotated[
        list[str] | None,
        typer.Option("-o", "--output", metavar="DIR", help="The folder to fill; `json` prints JSON."),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="Only the files of this format: onnx, huggingface, safetensors, ..."),
    ] = None,
) -> None:
    """Download a student and whatever else its job left, each file checked by its sha256.

    limbeck pull job_... -o student

    limbeck pull digits-student@production -o student --format onnx
    """
    folders = [value for value in output or [] if value not in list(Format)]
    for value in output or []:
        if value in list(Format):
            terminal.choose(Format(value))
    if len(folders) > 1:
        raise typer.BadParameter("give one folder", param_hint="-o")
    with Client() as client:
        job = client.jobs.get(source) if source.startswith("job_") else _job_behind(client, source)
        if job["status"] != "succeeded":
            terminal.complain(LimbeckError(f"{job['id']} is {job['status']}: there is no student to pull"))
            raise typer.Exit(of_job(job))
        folder = Path(folders[0]) if folders else Path(job["name"])
        pulled = client.jobs.pull(job["id"], folder, form=form)
        remember_keys(client)
    note_unlisted(folder, pulled)
    _warn_of_failed_exports(job, {artifact["format"] for artifact in pulled if artifact["kind"] == "export"})
    lines = "\n".join(f"{folder / artifact['filename']}  {artifact['sha256']}" for artifact in pulled)
    terminal.result({"job": job["id"], "folder": str(folder), "artifacts": pulled}, text=lines)


COMMANDS = (pull,)


def _job_behind(client: Client, reference: str) -> Job:
    """The job whose student this model is.

    Raises:
        LimbeckError: it was uploaded.
    """
    model = client.models.get(reference)
    job_id = model.get("job_id")
    if job_id is None:
        raise LimbeckError(f"{reference} ({model['id']}) was uploaded: no job left files of it")
    return client.jobs.get(job_id)


def _warn_of_failed_exports(job: Job, formats: set[str]) -> None:
    """A file that failed its proof is kept, so that one can see why; nobody should use it unknowingly."""
    made = (job.get("result") or {}).get("exports") or {}
    for form in sorted(formats):
        if made.get(form, {}).get("status") == "failed":
            terminal.note(f"{form} failed its proof: {made[form].get('reason') or 'see the report'}")
