"""The folder that a worker stages and the training process works in.

    FOLDER/in/request.json          one of the requests below; `in` is read-only
    FOLDER/in/teachers/0/           a network (model.safetensors, tokenizer.json); 1, 2, ... of several
    FOLDER/in/student/              the network that the student starts from, where the job names one;
                                    the finished student that `export` is about
    FOLDER/in/incumbents/0/         a network that a gate puts the student beside; 1, 2, ... of several
    FOLDER/in/dataset/              {train,validation,test}.safetensors
    FOLDER/in/upload                the file to inspect
    FOLDER/in/checkpoint            the checkpoint to go on from
    FOLDER/out/                     everything that the process writes

`python -P -m distill run|inspect|plan|promote|export|outputs FOLDER` reads the request, works, and sends its
events (`distill.config.events`) to the descriptor that `LIMBECK_EVENTS_FD` names, one JSON object
a line (to standard output where it names none). A line on standard input asks it to stop:
`cancel`, `pause` or `drain`; the end of standard input means exit now.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from distill.config.exports import Export
from distill.config.job import JobDocument, Latency
from distill.config.networks import Dataset, Input, Network, Preprocessing
from distill.config.section import Section
from distill.config.tasks import Task

REQUEST = "in/request.json"
EVENTS_FD = "LIMBECK_EVENTS_FD"


class StopWish:
    """The lines that standard input may carry."""

    CANCEL = "cancel"
    PAUSE = "pause"
    DRAIN = "drain"


class Exit:
    """How the process ends; everything else is a crash."""

    DONE = 0
    INTERNAL = 1
    USAGE = 2
    FAILED = 10
    """A `failed` event says why; the same input would fail again."""
    STOPPED = 11
    """Stopped as asked, after a checkpoint."""
    CUDA_OUT_OF_MEMORY = 12
    DISK_FULL = 13


class Incumbent(Section):
    """A model that a gate puts the student beside."""

    model: str
    """Its id, as the document names it."""
    name: str
    version: int
    said: str
    """What the user called it: `name@alias`, a name or an id."""
    network: Network


class Registered(Section):
    """What the service knows of a model or a dataset beside its bytes."""

    id: str
    name: str
    version: int
    license: str | None = None
    """As its owner told it at registration."""


class Registry(Section):
    """What the service knows of the inputs of a job; a job that runs without it knows nothing."""

    teachers: list[Registered] = []
    """In the order of the document."""
    student: Registered | None = None
    dataset: Registered | None = None

    @property
    def models(self) -> list[Registered]:
        """Everything that somebody else may have a right to."""
        return [*self.teachers, *([self.student] if self.student is not None else [])]


class RunJob(Section):
    """`run`: one attempt of one job."""

    command: Literal["run"] = "run"
    document: JobDocument
    teachers: list[Network]
    """In the order of the document; none where the job makes its teacher itself."""
    student: Network | None = None
    """The model that `student.model` names."""
    incumbents: list[Incumbent] = []
    """In the order of `document.incumbents`."""
    dataset: Dataset
    registry: Registry = Registry()
    device: Literal["cpu", "cuda"] = "cpu"
    threads: Annotated[int, Field(ge=1)] = 1
    resume: bool = False
    """True where `in/checkpoint` is there."""


class InspectModel(Section):
    """`inspect`: an uploaded teacher checkpoint; rewritten as `out/model.safetensors`."""

    command: Literal["inspect-model"] = "inspect-model"
    filename: str
    format: Literal["auto", "state-dict", "safetensors", "huggingface"] = "auto"
    task: Task | None = None
    architecture: str | None = None
    config: dict[str, Any] | None = None
    input: Input | None = None
    preprocessing: Preprocessing | None = None
    labels: list[str] | None = None
    key_map: list[tuple[str, str]] = []
    """(regular expression, replacement) on parameter names, in order."""
    state_dict_key: str | None = None


class InspectDataset(Section):
    """`inspect`: an uploaded or built-in dataset; rewritten as `out/{split}.safetensors`
    and, for people, `out/{split}.parquet`."""

    command: Literal["inspect-dataset"] = "inspect-dataset"
    filename: str | None
    builtin: str | None = None
    format: str = "auto"
    task: Task
    columns: dict[str, Any] = {}
    label_map: dict[str, str] = {}
    split: dict[str, Any] = {}


class PlanJob(Section):
    """`plan`: build the student on the meta device and say what the job would need."""

    command: Literal["plan"] = "plan"
    document: JobDocument
    teachers: list[Network]
    student: Network | None = None
    dataset: Dataset
    memory_bytes: int | None = None
    """What the largest worker has."""


class PromoteCheckpoint(Section):
    """`promote`: the network that `in/checkpoint` was training, as a folder that its user can load.

    Text needs `in/tokenizer.json` beside it.
    """

    command: Literal["promote-checkpoint"] = "promote-checkpoint"
    document: JobDocument


class ExportStudent(Section):
    """`export`: a finished student in another format, made and proved as its job would have."""

    command: Literal["export-student"] = "export-student"
    network: Network
    dataset: Dataset
    """That of the job: train calibrates, test proves."""
    export: Export
    latency: Latency
    seed: int
    threads: Annotated[int, Field(ge=1)] = 1


Request = Annotated[
    RunJob | InspectModel | InspectDataset | PlanJob | PromoteCheckpoint | ExportStudent,
    Field(discriminator="command"),
]
