"""Whom a proof is about: the teacher, the written student, its control and every export."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distill.config.job import Latency
from distill.config.networks import Preprocessing
from distill.evaluate.measure import NetworkFile
from distill.export.source import Made
from distill.fitting import TOKENIZER
from distill.opening import Opened
from distill.proof.process import PROGRAMS

CHUNK = 256
"""Examples that are answered at once, by files whose answer to one does not depend on the others."""


@dataclass(frozen=True)
class Setting:
    """What all subjects of a proof are shown, and on which target they are timed."""

    split: Path
    target: Latency
    text: dict[str, Any] | None
    """`tokenizer` and `max_length` of texts."""

    @classmethod
    def of(cls, opened: Opened) -> "Setting":
        """The test split of a job, and its stated target."""
        split = opened.folder / "in" / "dataset" / opened.dataset.splits["test"].file
        target = opened.document.evaluation.latency
        return cls.read_by(opened.tokenizer, opened.preprocessor.preprocessing, split, target)

    @classmethod
    def read_by(
        cls, tokenizer: Path | None, preprocessing: Preprocessing, split: Path, target: Latency
    ) -> "Setting":
        """This split, whose texts are read by this tokenizer."""
        return cls(split, target, None if tokenizer is None else _text(tokenizer, preprocessing))

    def request(self, subject: "Subject") -> dict[str, Any]:
        """What `programs/serve.py` reads of a subject."""
        return {
            "split": str(self.split),
            "program": str(PROGRAMS / subject.program),
            "alone": subject.alone,
            "chunk": self.target.batch_size if subject.as_called else CHUNK,
            "text": self.text,
            **self.target.model_dump(),
            **subject.asks,
        }


@dataclass(frozen=True)
class Subject:
    """One network that is run outside."""

    name: str
    program: str
    asks: dict[str, Any]
    """What the program reads beside the setting."""
    alone: bool = True
    """Whether it runs without this package."""
    answers: bool = True
    """Whether it is shown the whole split; others are only timed."""
    as_called: bool = False
    """Whether it answers in batches of the stated size, because its answers depend on what is in them."""


def student(folder: Path) -> Subject:
    """The written student, by its own loader."""
    return Subject("student", "torch_folder.py", {"folder": str(folder)})


def control(file: NetworkFile, like: Path) -> Subject:
    """The control, by the loader of the student in the folder `like`; only timed."""
    asks = {"folder": str(like), "weights": str(file.folder / file.name)}
    return Subject("control", "torch_folder.py", asks, answers=False)


def teacher(files: Sequence[NetworkFile], opened: Opened) -> Subject:
    """The teacher or the panel, as the job loads it; only timed."""
    document = opened.document
    weights = [each.weight for each in document.uploaded_teachers] or [1.0]
    preprocessing = opened.preprocessor.preprocessing
    return _loaded("teacher", files, opened, preprocessing, combine=document.combine, weights=weights)


def incumbent(name: str, file: NetworkFile, opened: Opened) -> Subject:
    """A model beside which a gate puts the student, through its own preprocessing; only timed."""
    own = file.network.preprocessing
    asks: dict[str, Any] = {"combine": "mean", "weights": [1.0]}
    if opened.tokenizer is not None:
        asks["text"] = _text(file.folder / TOKENIZER, own)
    return _loaded(name, [file], opened, own, **asks)


def _loaded(
    name: str, files: Sequence[NetworkFile], opened: Opened, preprocessing: Preprocessing, **asks: Any
) -> Subject:
    asks |= {
        "networks": [file.network.model_dump(mode="json") for file in files],
        "folders": [str(file.folder) for file in files],
        "labels": opened.dataset.labels,
        "input": opened.dataset.input.model_dump(mode="json"),
        "preprocessing": preprocessing.model_dump(mode="json"),
    }
    return Subject(name, "network.py", asks, alone=False, answers=False)


def _text(tokenizer: Path, preprocessing: Preprocessing) -> dict[str, Any]:
    """How a program makes tokens of texts."""
    return {"tokenizer": str(tokenizer), "max_length": preprocessing.max_length or 128}


def export(made: Made) -> Subject:
    """A file of another runtime. Transformers of 8 bits round what they compute by the largest number of
    the whole batch: such a file is shown batches as it is timed on, so that it answers as it will."""
    form = made.export.format
    dynamic = form == "onnx-int8" and made.calibration is None
    main = made.folder / made.files[0]
    program = {"huggingface": "huggingface_folder.py", "executorch": "executorch_file.py"}.get(form)
    asks = {"file": str(main), "folder": str(main.parent)}
    return Subject(form, program or "onnx_file.py", asks, as_called=dynamic)
