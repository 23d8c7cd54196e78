"""Other formats of a finished student: what is shown."""

from typing import Any, Literal

from api.schemas.inputs import Rejection
from api.schemas.jobs import ArtifactRead
from api.schemas.shared import Moment, Read
from distill.config.exports import Format


class ExportRead(Read):
    """A format that was asked for after the job."""

    id: str
    object: Literal["export"] = "export"
    model_id: str
    format: Format
    status: Literal["queued", "running", "verified", "failed"]
    """`verified`: run in its own runtime on the whole test split, it answers as the student does."""
    export: dict[str, Any] | None
    """The block of a result: figures, `reason` where it failed, inputs, runtime, calibration."""
    artifacts: list[ArtifactRead]
    """Its files, which belong to the job of the student; also of one that failed its proof."""
    problem: Rejection | None
    """Why there is neither file nor figure."""
    created_at: Moment
    finished_at: Moment | None
