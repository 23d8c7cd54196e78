"""What a report is about: the job, and the files that it left."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """One artifact."""

    kind: str
    format: str
    filename: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Subject:
    """A succeeded job as the ledger knows it; the rest is in its `report.json`."""

    job_id: str
    conclusion: str | None = None
    finished_at: str | None = None
    files: Sequence[File] = ()

    def of_export(self, format: str) -> list[File]:
        """The files of one format, as they are pulled; of safetensors those of the student's folder."""
        if format == "safetensors":
            return [file for file in self.files if file.kind == "student"]
        return [file for file in self.files if file.kind == "export" and file.format == format]
