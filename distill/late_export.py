"""Another format of a finished student: made and proved as its job would have."""

from functools import partial
from pathlib import Path
from typing import Any

import torch

from distill.artifacts import Artifacts
from distill.batches import View
from distill.channel import Events
from distill.config.events import StudentExported
from distill.config.folder import ExportStudent
from distill.data.opened import open_split
from distill.evaluate.measure import Candidate, NetworkFile, measure
from distill.export.source import Source
from distill.exports import Exported, exported
from distill.fitting import TOKENIZER
from distill.models import load_network
from distill.preprocess import Preprocessor
from distill.proof import subjects
from distill.proof.bench import prove
from distill.proof.parity import entry_of, failed
from distill.proof.subjects import Setting
from distill.tasks import science_of


def export_student(request: ExportStudent, folder: Path, events: Events) -> None:
    """Make the file of `in/student` from train, and prove it on test; the files go to `out/student`.

    An export that cannot be made, run or verified is told with its reason, as in the result of a job.
    """
    network, dataset = request.network, request.dataset
    student, splits, out = folder / "in" / "student", folder / "in" / "dataset", folder / "out"
    tokenizer = student / TOKENIZER if network.input.kind == "text" else None
    preprocessor = Preprocessor.of(network.preprocessing, dataset.input, tokenizer)
    train = View.of(open_split(splits, dataset.splits["train"], dataset), preprocessor, _CPU)
    source = Source(
        network=network,
        module=load_network(network.model_copy(update={"scale": None}), student),
        tokenizer=tokenizer,
        training=train.inputs,
        seed=request.seed,
    )
    artifacts = Artifacts(out)
    written = out / "student"
    written.mkdir()
    made = exported(request.export, source, written, artifacts)
    test = View.of(open_split(splits, dataset.splits["test"], dataset), preprocessor, _CPU)
    setting = Setting.read_by(
        tokenizer, network.preprocessing, splits / dataset.splits["test"].file, request.latency
    )
    block = _proved(made, request, NetworkFile(network, student), test, setting, scratch=out)
    events.send(StudentExported(export=block, artifacts=artifacts.kept))


_CPU = torch.device("cpu")


def _proved(
    made: Exported,
    request: ExportStudent,
    student: NetworkFile,
    test: View,
    setting: Setting,
    *,
    scratch: Path,
) -> dict[str, Any]:
    """The block of a result. Of an embedding, what the student itself answers is the label."""
    network, science = request.network, science_of(request.network.task)
    if made.made is None:
        assert made.refusal is not None
        return failed(made.refusal, science.main_figure, made.description)
    candidate = Candidate((student,), partial(load_network, network, student.folder), labels_used=None)
    rows, measured = measure(
        {"teacher": candidate},  # whoever has this name says what the labels of an embedding are
        test,
        science=science,
        names=request.dataset.labels,
        latency=None,
        heed=_go_on,
    )
    proof = prove(
        [subjects.export(made.made)],
        setting,
        outputs=network.num_outputs,
        timed=True,
        heed=_go_on,
        scratch=scratch,
    )
    return entry_of(
        request.export,
        proof[request.export.format],
        measured["teacher"],
        rows,
        description=made.description,
        seed=request.seed,
    )


def _go_on() -> None:
    """A chore is not stopped, but killed."""
