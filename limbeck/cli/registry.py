"""Commands about versions of models: their aliases, where they came from, and what came of them."""

from itertools import islice
from typing import Annotated

import typer

from limbeck import registry
from limbeck.cli.exits import Exit
from limbeck.cli.inputs import Limit, NoWait, Reference, datasets, models
from limbeck.cli.terminal import Output, terminal
from limbeck.client import Client
from limbeck.errors import Conflict

__all__ = ["datasets", "models"]
"""With all their commands, of which this module adds the last."""

ModelName = Annotated[str, typer.Argument(help="The name of a model.", metavar="NAME")]
AliasName = Annotated[str, typer.Argument(help="An alias of it, such as production.", metavar="ALIAS")]
Model = Annotated[str, typer.Argument(help="An id, a name, or name@alias.", metavar="MODEL")]
ModelId = Annotated[str, typer.Argument(help="The id of one version.", metavar="ID")]


@models.command("versions")
def list_versions(name: ModelName, limit: Limit = 20, output: Output = None) -> None:
    """List the versions of a model, newest first, with their aliases.

    limbeck model versions digits-student
    """
    with Client() as client:
        listed = list(islice(client.models.versions(name), limit))
    terminal.result(listed, text=registry.models(listed))


@models.command("aliases")
def list_aliases(
    name: ModelName,
    alias: Annotated[str | None, typer.Argument(help="Show every move of this one.")] = None,
    output: Output = None,
) -> None:
    """List the aliases of a model, or every move of one of them.

    limbeck model aliases digits-student

    limbeck model aliases digits-student production
    """
    with Client() as client:
        if alias is None:
            listed = list(client.models.aliases(name))
            terminal.result(listed, text=registry.aliases(listed))
        else:
            moves = list(client.models.alias_history(name, alias))
            terminal.result(moves, text=registry.moves(moves))


@models.command("alias")
def move_alias(
    name: ModelName,
    alias: AliasName,
    version: Annotated[str, typer.Argument(help="A number, an id, or where another name@alias points.")],
    force: Annotated[
        bool, typer.Option("--force", help="Past gates that were not passed; needs --reason.")
    ] = False,
    reason: Annotated[str | None, typer.Option(help="Kept in the history of the alias.")] = None,
    output: Output = None,
) -> None:
    """Point an alias to a version. Exit code 3 where the version has not passed its gates.

    limbeck model alias digits-student production 3

    limbeck model alias digits-student production digits-student@candidate --reason "release 7"
    """
    if force and not reason:
        raise typer.BadParameter("say why the gates do not count: give --reason", param_hint="--force")
    meant = {"version": int(version)} if version.isdecimal() else {"model": version}
    with Client() as client:
        try:
            moved = client.models.move_alias(name, alias, force=force, reason=reason, **meant)
        except Conflict as error:
            if error.problem.code != "gates_not_passed":
                raise
            terminal.complain(error)
            raise typer.Exit(Exit.GATE) from None
    terminal.result(moved, text=f"{name}@{alias} is version {moved['version']} ({moved['model_id']})")


@models.command("unalias")
def remove_alias(name: ModelName, alias: AliasName, output: Output = None) -> None:
    """Let an alias point nowhere; the version stays."""
    with Client() as client:
        client.models.remove_alias(name, alias)
    terminal.result({"removed": f"{name}@{alias}"}, text=f"{name}@{alias} points nowhere")


@models.command("export")
def export_model(
    model: Model,
    form: Annotated[str, typer.Option("--format", help="onnx, onnx-fp16, onnx-int8, huggingface, ...")],
    max_drop: Annotated[
        float | None, typer.Option(help="Of onnx-int8: how much of the main figure it may cost.")
    ] = None,
    examples: Annotated[
        int | None, typer.Option("--calibration-examples", help="Of onnx-int8: examples of train.")
    ] = None,
    no_wait: NoWait = False,
    output: Output = None,
) -> None:
    """Make another format of a student, proved on the test split of its job. Exit code 3 where that fails.

    limbeck model export digits-student@production --format onnx-fp16
    """
    calibration = {"examples": examples} if examples is not None else None
    settings = {"max_drop": max_drop, "calibration": calibration}
    given = {name: value for name, value in settings.items() if value is not None}
    with Client() as client:
        made = client.models.export(model, form, **given)
        if not no_wait:
            made = client.models.wait_for_export(made)
    terminal.result(made, text=registry.export(made))
    if made["status"] == "failed":
        raise typer.Exit(Exit.GATE)


@models.command("lineage")
def show_lineage_of_model(model: Model, output: Output = None) -> None:
    """Show where a version came from, and what came of it.

    limbeck model lineage digits-student@production
    """
    with Client() as client:
        found = client.models.lineage(model)
    terminal.result(found, text=registry.lineage(found))


@datasets.command("lineage")
def show_lineage_of_dataset(dataset: Reference, output: Output = None) -> None:
    """Show what was learned from a dataset."""
    with Client() as client:
        found = client.datasets.lineage(dataset)
    terminal.result(found, text=registry.lineage(found))


@models.command("rm")
def delete_model(model_id: ModelId, output: Output = None) -> None:
    """Delete a version that no job and no alias names."""
    with Client() as client:
        client.models.delete(model_id)
    terminal.result({"deleted": model_id}, text=f"{model_id} is gone")


@datasets.command("rm")
def delete_dataset(
    dataset_id: Annotated[str, typer.Argument(help="The id of one version.", metavar="ID")],
    output: Output = None,
) -> None:
    """Delete a version that no job names."""
    with Client() as client:
        client.datasets.delete(dataset_id)
    terminal.result({"deleted": dataset_id}, text=f"{dataset_id} is gone")
