"""What every part of a document that crosses a door has in common."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """One frozen part of a document. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def _refuse(value: Any) -> None:
    if value in (None, [], {}):
        return
    raise PydanticCustomError("not_available_yet", "this is not available in this version yet; leave it out")


Later = Annotated[None, BeforeValidator(_refuse)]
"""A field that the contract names and a later version fills: empty, or refused by name."""
