"""Whether a folder still is what a job left."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from limbeck import verification, vouched
from limbeck.cli.exits import Exit
from limbeck.cli.terminal import Output, terminal
from limbeck.client import Client
from limbeck.errors import LimbeckError, NotFound
from limbeck.objects import Artifact


def verify(
    folder: Annotated[Path, typer.Argument(help="The folder that `limbeck pull` filled.", metavar="DIR")],
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="The service's public key, PEM; no other counts then."),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Files of the manifest that are not here are no fault.")
    ] = False,
    output: Output = None,
) -> None:
    """Check, without any service, that a folder is what a job left: every file, and the signature.

    The signature counts if it is of the key in --key, or of one that `limbeck pull` got to know from its
    service. Exit code 3 where anything differs.

    limbeck verify student

    limbeck verify student --key limbeck.pem -o json
    """
    keys = vouched.remembered() if key is None else [vouched.of_file(key)]
    found = verification.verify(folder, keys, partial=partial)
    terminal.result(found.as_json(), text=str(found))
    if not found.holds:
        raise typer.Exit(Exit.GATE)


def remember_keys(client: Client) -> None:
    """Get to know the keys of the service, for `verify` later; that this cannot be done stops nobody."""
    try:
        for sentence in vouched.remember(client.url, client.signing_keys()):
            terminal.note(sentence)
    except NotFound:
        pass  # it signs nothing
    except (OSError, LimbeckError) as error:
        terminal.note(f"the signing key of {client.url} is not remembered: {error}")


def note_unlisted(folder: Path, pulled: Sequence[Artifact]) -> None:
    """Say which of these came after the manifest was signed, as a checkpoint that was promoted later."""
    try:
        listed = verification.listed(folder)
    except verification.NoManifest:
        return
    later = [each["filename"] for each in pulled if each["filename"] not in listed]
    if later:
        terminal.note(
            f"{', '.join(later)}: made after the job had ended, so that no signature covers it; "
            f"`limbeck verify {folder}` will say so"
        )


COMMANDS = (verify,)
