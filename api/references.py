"""A model or a dataset in an address: its id, or its name for the newest version."""

from typing import Annotated

from fastapi import Path

from api.problems import Problem
from ledger.identifiers import is_id

Reference = Annotated[str, Path(description="An id, or a name for its newest version that is ready.")]


def one_version(reference: str, prefix: str) -> str:
    """The id of what is to be deleted: a name stands for a line of versions, which nothing deletes.

    Raises:
        Problem: 404, it is no id.
    """
    if not is_id(reference, prefix):
        raise Problem(404, "not_found", f"'{reference}' is no id; a version is deleted by its id alone.")
    return reference
