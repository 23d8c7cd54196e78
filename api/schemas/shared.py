"""What many bodies have in common."""

from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

Moment = datetime
"""RFC 3339 in UTC; made from the epoch seconds of a row."""


class Read(BaseModel):
    """A response body, made from a row."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)


Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """A part of a list. Ask for the next with `after=<id of the last item>`."""

    data: list[Item]
    has_more: bool
