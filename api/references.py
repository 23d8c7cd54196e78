"""A model or a dataset in an address: its id, its name for the newest version, or `name@alias`."""

from typing import Annotated

from fastapi import Path

from api.problems import Problem
from ledger.identifiers import is_id

Reference = Annotated[
    str, Path(description="An id, a name for its newest version that is ready, or of a model `name@alias`.")
]


def one_version(reference: str, prefix: str) -> str:
    """The id of what is to be deleted: a name stands for a line of versions, which nothing deletes.

    Raises:
        Problem: 404, it is no id.
    """
    if not is_id(reference, prefix):
        raise Problem(404, "not_found", f"'{reference}' is no id; a version is deleted by its id alone.")
    return reference
