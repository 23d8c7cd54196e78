"""A checkpoint becomes something to take home: the network that it was training, with what loads it."""

import zipfile
from pathlib import Path

from torch import Tensor

from distill.channel import Events
from distill.checkpoint import CheckpointUnreadable, State, read_checkpoint
from distill.config.events import ArtifactWritten, Promoted
from distill.config.folder import PromoteCheckpoint
from distill.config.networks import Network
from distill.data.canonical import file_sha256
from distill.export.student import write_network, write_student_folder
from distill.rejection import Rejected

TOKENIZER = "tokenizer.json"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""Of every entry in the archive, so that the same checkpoint gives the same bytes."""


def promote(request: PromoteCheckpoint, folder: Path, events: Events) -> None:
    """Write the network of `in/checkpoint` to `out/RUN-step-N.zip`: a student folder of the contract, in
    which `load.load(".")` works. Its weights are those that the run would have gone on with.

    Raises:
        Rejected: `checkpoint_damaged`, or `checkpoint_too_old`.
    """
    try:
        state = read_checkpoint(folder / "in" / "checkpoint")
    except CheckpointUnreadable as error:
        raise Rejected("checkpoint_damaged", "data", str(error), "take another one") from error
    if state.facts.get("network") is None:
        raise Rejected(
            "checkpoint_too_old",
            "user",
            "this checkpoint was written by a version that did not note what its network is",
            "resume or retry the job, and take its next checkpoint",
        )
    run, step = state.facts["run"], state.facts["step"]
    student = folder / "out" / "student"
    network = Network.model_validate(state.facts["network"])
    network = write_network(student / "student.safetensors", weights_of(state, run), network)
    tokenizer = folder / "in" / TOKENIZER if network.input.kind == "text" else None
    if tokenizer is not None:
        files = {**network.files, TOKENIZER: file_sha256(tokenizer)}
        network = network.model_copy(update={"files": files})
    write_student_folder(student, document=request.document, network=network, tokenizer=tokenizer)
    archive = folder / "out" / f"{run}-step-{step}.zip"
    _pack(student, archive)
    events.send(
        Promoted(
            artifact=ArtifactWritten(
                kind="checkpoint",
                format="zip",
                path=f"out/{archive.name}",
                filename=archive.name,
                media_type="application/zip",
                sha256=file_sha256(archive),
                bytes=archive.stat().st_size,
            )
        )
    )


def weights_of(state: State, run: str) -> dict[str, Tensor]:
    """The weights that the run would have gone on with: those that it ended with, else the best by
    validation where these are kept, else the present ones."""
    if run in state.facts["finished"]:
        return state.group(f"finished/{run}")
    return state.group("study/learner/best") or state.group("study/learner/weights")


def _pack(folder: Path, archive: Path) -> None:
    """Put the files of `folder` into an archive, as they are."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for path in sorted(folder.iterdir()):
            with path.open("rb") as file, packed.open(_entry(path.name), "w", force_zip64=True) as to:
                while chunk := file.read(2**22):
                    to.write(chunk)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.external_attr = 0o644 << 16
    return entry
