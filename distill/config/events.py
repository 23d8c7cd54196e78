"""What the training process tells its supervisor: one JSON object a line, discriminated by `type`."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from distill.config.job import Stage
from distill.config.networks import Dataset, Layer, Network
from distill.config.section import Section

Phase = Literal[
    "staging",
    "inspecting",
    "training_teacher",
    "caching_teacher",
    "training",
    "training_control",
    "evaluating",
    "exporting",
    "verifying",
]
ErrorClass = Literal["user", "data", "resource", "infrastructure", "timeout", "internal"]
ArtifactKind = Literal[
    "student",
    "teacher",
    "export",
    "predictions",
    "metrics",
    "report",
    "card",
    "manifest",
    "log",
    "checkpoint",
]
Conclusion = Literal["passed", "gate_failed", "gate_inconclusive", "export_failed", "no_gate"]


class PhaseChanged(Section):
    """A phase began or ended. The supervisor stamps the time. `staging` is the supervisor's own."""

    type: Literal["phase"] = "phase"
    name: Phase
    status: Literal["running", "done"]


class Progressed(Section):
    """Where the whole job stands; at most one a second. `fraction` counts all phases."""

    type: Literal["progress"] = "progress"
    fraction: Annotated[float, Field(ge=0, le=1)]
    step: int
    total_steps: int
    epoch: int
    examples_per_s: float | None
    eta_s: float | None


class Measured(Section):
    """Figures of one step of one run; already thinned to at most 2,000 rows a name."""

    type: Literal["metric"] = "metric"
    run: str
    step: int
    time: float
    """Epoch seconds."""
    values: dict[str, float]


class Warned(Section):
    type: Literal["warning"] = "warning"
    code: str
    message: str


class CheckpointWritten(Section):
    """A checkpoint is whole on disk under its final name, synced and hashed."""

    type: Literal["checkpoint"] = "checkpoint"
    path: str
    """Relative to the folder."""
    sha256: str
    bytes: int
    phase: Phase
    run: str
    step: int
    """Updates of this run. Greater than zero says that a resume keeps work."""
    figure: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """The newest main figure on the validation split of the weights that the run would go on with."""


class ArtifactWritten(Section):
    """A file of `out/` to keep."""

    kind: ArtifactKind
    format: str
    path: str
    filename: str
    """May have a folder before the name: `huggingface/config.json`."""
    media_type: str
    sha256: str
    bytes: int


class Resolved(Section):
    """What `auto` came to, once the networks were built: the stages as they will run."""

    type: Literal["resolved"] = "resolved"
    stages: list[Stage]


class Finished(Section):
    """The last event of a run: the contract's `result`, and the files to keep."""

    type: Literal["finished"] = "finished"
    result: dict[str, Any]
    conclusion: Conclusion
    artifacts: list[ArtifactWritten]
    student: Network | None
    layers: list[Layer] = []
    """Of the student."""
    environment: dict[str, Any]


class Failed(Section):
    """The last event of a process that cannot go on, with what is true and what to do."""

    type: Literal["failed"] = "failed"
    code: str
    error_class: ErrorClass
    message: str
    hint: str | None = None
    retryable: bool = False
    details: dict[str, Any] = {}
    """For inspections: missing, unexpected and mis-shaped keys and the like."""


class Stopped(Section):
    """The last event of a run that stopped as asked."""

    type: Literal["stopped"] = "stopped"
    wish: Literal["cancel", "pause", "drain"]


class ModelInspected(Section):
    """The last event of a model inspection. `report` says what was stripped, mapped and found."""

    type: Literal["model-inspected"] = "model-inspected"
    network: Network
    parameters: int
    size_bytes: int
    layers: list[dict[str, Any]]
    report: dict[str, Any]


class DatasetInspected(Section):
    """The last event of a dataset inspection.

    `tables` maps a split to its parquet file in `out/` and that file's sha256. `report` counts
    duplicates and unreadable rows; `preview` holds a few examples of each class of train.
    """

    type: Literal["dataset-inspected"] = "dataset-inspected"
    dataset: Dataset
    tables: dict[str, dict[str, str]]
    report: dict[str, Any]
    preview: list[dict[str, Any]]


class Promoted(Section):
    """The last event of a promotion: the network of a checkpoint, as its user takes it home."""

    type: Literal["promoted"] = "promoted"
    artifact: ArtifactWritten


class StudentExported(Section):
    """The last event of a later export: its block, as it would stand in the result, and the files to keep."""

    type: Literal["student-exported"] = "student-exported"
    export: dict[str, Any]
    artifacts: list[ArtifactWritten]
    """None where the file could not be made."""


class Planned(Section):
    """The last event of a plan: what the job would build and need."""

    type: Literal["planned"] = "planned"
    student: dict[str, Any]
    """`parameters`, `size_bytes`."""
    teacher: dict[str, Any]
    fits_memory: bool
    memory_bytes: int
    stages: list[Stage]
    """With every layer named."""
    estimate: dict[str, Any]
    warnings: list[dict[str, str]]


Event = Annotated[
    PhaseChanged
    | Progressed
    | Measured
    | Warned
    | CheckpointWritten
    | Resolved
    | Finished
    | Failed
    | Stopped
    | ModelInspected
    | DatasetInspected
    | Promoted
    | StudentExported
    | Planned,
    Field(discriminator="type"),
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)
