"""Commands about what goes into a job: files, models, datasets."""

from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from limbeck import document, registry, tables
from limbeck.cli.exits import Exit
from limbeck.cli.terminal import Output, terminal
from limbeck.client import Client
from limbeck.objects import File

models = typer.Typer(no_args_is_help=True, help="Teachers and students.")
datasets = typer.Typer(no_args_is_help=True, help="Datasets, in three splits.")

Name = Annotated[str, typer.Argument(help="A name; a known one gets its next version.")]
Reference = Annotated[
    str, typer.Argument(help="An id, a name for its newest version, or of a model name@alias.")
]
Limit = Annotated[int, typer.Option(min=1, help="How many, newest first.")]
Upload = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE")]
Fields = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Any other field, its value as YAML."),
]
TASKS = (
    "image-classification, text-classification, tabular-classification, multi-label-classification, "
    "token-classification, regression or feature-extraction."
)
NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait for the inspection.")]


def upload(
    path: Upload,
    purpose: Annotated[str, typer.Option(help="model, dataset or other.")] = "other",
    output: Output = None,
) -> None:
    """Send a file."""
    with Client() as client:
        file = _sent(client, path, purpose)
    terminal.result(file, text=file["id"])


@models.command("add")
def add_model(
    name: Name,
    path: Upload,
    architecture: Annotated[str | None, typer.Option(help="Which network a bare state dict is of.")] = None,
    task: Annotated[str | None, typer.Option(help=f"What it is for: {TASKS}")] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="The names of its outputs in order, with commas: classes, labels, tags, numbers."),
    ] = None,
    fields: Fields = None,
    no_wait: NoWait = False,
    output: Output = None,
) -> None:
    """Upload and register a teacher, and wait for its inspection.

    limbeck model add teacher bert.zip

    limbeck model add teacher net.pt --architecture cnn --labels 0,1,2 --set input.shape='[1, 8, 8]'

    limbeck model add prices net.pt --architecture mlp --task regression --labels price
    """
    asked = {"architecture": architecture, "task": task, "labels": labels and labels.split(",")}
    declared = _declared(asked, fields)
    with Client() as client:
        file = _sent(client, path, "model")
        model = client.models.create(name=name, file_id=file["id"], **declared)
        if not no_wait:
            model = client.models.wait(model["id"])
    _say(model)


@datasets.command("add")
def add_dataset(
    name: Name,
    path: Annotated[Path | None, typer.Argument(exists=True, dir_okay=False, metavar="FILE")] = None,
    builtin: Annotated[str | None, typer.Option(help="One that comes with the service: digits.")] = None,
    task: Annotated[str, typer.Option(help=f"What it teaches: {TASKS}")] = "image-classification",
    form: Annotated[str | None, typer.Option("--format", help="Else what the suffix of FILE says.")] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="The column of the label; again for each label, or number, with one of its own."),
    ] = None,
    text: Annotated[str | None, typer.Option(help="The column of the text, or of the words.")] = None,
    fields: Fields = None,
    no_wait: NoWait = False,
    output: Output = None,
) -> None:
    """Upload and register a dataset, and wait for its inspection.

    limbeck dataset add digits --builtin digits

    limbeck dataset add iris iris.csv --task tabular-classification --label species

    limbeck dataset add scenes scenes.jsonl --task multi-label-classification --label beach --label sunset

    limbeck dataset add news news.conll --task token-classification
    """
    if (path is None) == (builtin is None):
        raise typer.BadParameter("give either a FILE or --builtin")
    columns = _columns(label or [], text)
    declared = _declared({"builtin": builtin, "task": task, "format": form, "columns": columns}, fields)
    with Client() as client:
        origin = {"file_id": _sent(client, path, "dataset")["id"]} if path else {}
        dataset = client.datasets.create(name=name, **origin, **declared)
        if not no_wait:
            dataset = client.datasets.wait(dataset["id"])
    _say(dataset)


@models.command("ls")
def list_models(limit: Limit = 20, output: Output = None) -> None:
    """List models, newest first, with their aliases."""
    with Client() as client:
        listed = list(islice(client.models.list(), limit))
    terminal.result(listed, text=registry.models(listed))


@datasets.command("ls")
def list_datasets(limit: Limit = 20, output: Output = None) -> None:
    """List datasets, newest first."""
    with Client() as client:
        listed = list(islice(client.datasets.list(), limit))
    terminal.result(listed, text=tables.inputs(listed))


@models.command("get")
def get_model(model: Reference, output: Output = None) -> None:
    """Show a model."""
    with Client() as client:
        found = client.models.get(model)
    terminal.result(found, text=tables.one_input(found))


@datasets.command("get")
def get_dataset(dataset: Reference, output: Output = None) -> None:
    """Show a dataset."""
    with Client() as client:
        found = client.datasets.get(dataset)
    terminal.result(found, text=tables.one_input(found))


COMMANDS = (upload,)


def _sent(client: Client, path: Path, purpose: str) -> File:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = terminal.err
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(path.name, total=path.stat().st_size)
        return client.files.upload(path, purpose=purpose, moved=lambda count: progress.advance(bar, count))


def _declared(known: dict[str, Any], fields: list[str] | None) -> dict[str, Any]:
    """The fields of the request; `--set` reaches into sections: `columns.label=species`."""
    declared = {name: value for name, value in known.items() if value is not None}
    for field in fields or []:
        declared, _ = document.assigned(declared, field)
    if declared.keys() & {"name", "file_id"}:
        raise typer.BadParameter("name and file are arguments already", param_hint="--set")
    return declared


def _columns(label: list[str], text: str | None) -> dict[str, Any] | None:
    """Which column is what; None where the service finds them by their names."""
    named = {"label": label[0] if len(label) == 1 else label or None, "text": text}
    return {role: column for role, column in named.items() if column is not None} or None


def _say(found: Any) -> None:
    """Print a registered input; one that was rejected is bad usage."""
    terminal.result(found, text=tables.one_input(found))
    if found["status"] == "rejected":
        raise typer.Exit(Exit.USAGE)
