"""What many bodies have in common."""

from datetime import datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from distill.config.job import Name
from ledger.identifiers import PREFIXES

Moment = datetime
"""RFC 3339 in UTC; made from the epoch seconds of a row."""


class Read(BaseModel):
    """A response body, made from a row."""

    model_config = ConfigDict(from_attributes=True)


Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """A part of a list. Ask for the next with `after=<id of the last item>`."""

    data: list[Item]
    has_more: bool


def _not_like_an_id(name: str) -> str:
    prefix = next((prefix for prefix in PREFIXES if name.startswith(prefix)), None)
    if prefix is not None:
        raise PydanticCustomError(
            "name_like_an_id",
            "a name may not start with '{prefix}', which is how ids start",
            {"prefix": prefix},
        )
    return name


NewName = Annotated[Name, AfterValidator(_not_like_an_id), Field(examples=["digits-teacher"])]
"""A name that a POST makes."""
