"""Uploaded files, and what models and datasets have in common."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints
from pydantic_core import PydanticCustomError

from api.schemas.shared import Moment, Read
from distill.config.events import ErrorClass

FileId = Annotated[str, Field(examples=["file_01jd8x2m0c9q4w7e5r6t8y1z2b"])]
Purpose = Literal["model", "dataset", "other"]
Status = Literal["inspecting", "ready", "rejected"]
Label = Annotated[str, StringConstraints(min_length=1, max_length=200)]
License = Annotated[str, StringConstraints(max_length=200)]


class FileRead(Read):
    id: str
    object: Literal["file"] = "file"
    filename: str
    purpose: Purpose
    bytes: int
    sha256: str
    created_at: Moment


class Rejection(Read):
    """Why an input cannot be used, and what to do."""

    code: str
    class_: Annotated[ErrorClass, Field(alias="class")]
    message: str
    hint: str | None = None
    details: dict[str, Any] = {}
    """For a model: missing, unexpected and mis-shaped keys, and what fits better."""


def not_yet(value: Any, later: tuple[str, ...], what: str) -> Any:
    """`value`, unless the contract names it and a later version takes it."""
    if value in later:
        raise PydanticCustomError(
            "not_available_yet",
            "{what} '{value}' is not available in this version yet",
            {"what": what, "value": value},
        )
    return value
