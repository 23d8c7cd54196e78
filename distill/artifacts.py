"""The files of `out/` that a job hands out."""

from pathlib import Path
from typing import Any

from distill.config.events import ArtifactWritten
from distill.data.canonical import file_sha256

MEDIA_TYPES = {
    ".json": "application/json",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".py": "text/x-python",
    ".txt": "text/plain",
}
"""By suffix; of everything else nobody knows more than that it is bytes."""


class Artifacts:
    """Every file as it was when it was kept: nobody may write to it afterwards."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self.kept: list[ArtifactWritten] = []

    def keep(self, kind: Any, form: str, path: str, filename: str | None = None) -> ArtifactWritten:
        """Keep `out/path`. `filename` is what its user will find, by default the last part of `path`."""
        file = self._out / path
        artifact = ArtifactWritten(
            kind=kind,
            format=form,
            path=f"out/{path}",
            filename=filename or file.name,
            media_type=MEDIA_TYPES.get(file.suffix, "application/octet-stream"),
            sha256=file_sha256(file),
            bytes=file.stat().st_size,
        )
        self.kept.append(artifact)
        return artifact
