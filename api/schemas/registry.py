"""Aliases of models, and where a model came from: what is asked for, and what is shown."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.shared import Moment, Read
from distill.config.section import Section
from distill.config.students import Reference

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class AliasMoveRequest(Section):
    """Where an alias is to point: exactly one of `model` and `version`."""

    model: Reference | None = None
    """The id of a version, or `name@alias` for where another alias of this model points."""
    version: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    force: bool = False
    """Past gates that were not passed; needs a reason."""
    reason: Reason | None = None
    """Kept in the history."""

    @property
    def meant(self) -> int | str:
        """A number among the versions, or a reference to one."""
        if self.model is not None:
            return self.model
        assert self.version is not None
        return self.version

    @model_validator(mode="after")
    def _one_version(self) -> Self:
        if (self.model is None) == (self.version is None):
            raise PydanticCustomError("one_version", "give exactly one of model and version")
        return self

    @model_validator(mode="after")
    def _a_reason_to_force(self) -> Self:
        if self.force and self.reason is None:
            raise PydanticCustomError(
                "reason_missing", "say why the gates do not count: force needs a reason", {"field": "reason"}
            )
        return self


class AliasRead(Read):
    """A name that points to one version of a model."""

    object: Literal["alias"] = "alias"
    name: str
    """Of the model."""
    alias: str
    model_id: str
    version: int
    moved_at: Moment
    moved_by: str
    """The API key that asked for it, or the job whose student it is."""
    reason: str | None
    forced: bool
    """Past gates that were not passed."""
    moves: int
    """How often it was moved, this time included."""


class AliasMoveRead(Read):
    """Where an alias pointed from this moment on."""

    number: int
    model_id: str | None
    """None: nowhere. The version may be gone by now."""
    version: int | None
    moved_at: Moment
    moved_by: str
    reason: str | None
    forced: bool


class LineageFile(Read):
    id: str
    filename: str
    bytes: int
    sha256: str


class LineageNode(Read):
    """A thing on the way from data to a file that runs; what it does not have is null."""

    id: str
    kind: Literal["dataset", "model", "job", "export"]
    name: str | None = None
    version: int | None = None
    status: str | None = None
    """`deleted`: all that is known is that it was there."""
    conclusion: str | None = None
    format: str | None = None
    sha256: str | None = None
    """Of a dataset's splits together, a model's weights, or an export's main file."""
    files: list[LineageFile] | None = None
    created_at: Moment | None = None


class LineageEdge(Read):
    """An arrow from what came first to what came of it."""

    source: str
    target: str
    role: str
    """`dataset`, `teacher`, `student` (of a job: what its student starts from; of a model: the job whose
    student it is), `incumbent` or `export`."""


class LineageRead(Read):
    """Everything that can be reached from one thing against the arrows, and along them."""

    object: Literal["lineage"] = "lineage"
    of: str
    nodes: list[LineageNode]
    edges: list[LineageEdge]
    truncated: bool
    """There is more than one answer holds."""
