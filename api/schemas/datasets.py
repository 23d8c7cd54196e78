"""Datasets: what is asked for, and what is shown."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator
from pydantic_core import PydanticCustomError

from api.schemas.inputs import FileId, Label, License, Rejection, Status, not_yet
from api.schemas.shared import Moment, Read
from distill.config.names import Name
from distill.config.networks import Input
from distill.config.section import Later, Section
from distill.config.tasks import Task

ColumnName = Annotated[str, Field(min_length=1, max_length=1000)]


def _one_or_several(value: Any) -> str:
    return "several" if isinstance(value, list) else "one"


LabelColumns = Annotated[
    Annotated[ColumnName, Tag("one")]
    | Annotated[list[ColumnName], Field(min_length=1, max_length=10_000), Tag("several")],
    Discriminator(_one_or_several),
]


class Columns(Section):
    """Which column is what; what is left out is found by name."""

    image: Later = None
    text: ColumnName | None = None
    """Or the words of each example, where every word has a tag."""
    text_pair: Later = None
    features: Annotated[list[str], Field(min_length=1, max_length=10_000)] | None = None
    """Every other column by default."""
    label: LabelColumns | None = None
    """A list where each label, or each number, has a column of its own."""
    split: ColumnName | None = None
    """The same as `split.column`."""
    group: Later = None


class Shares(Section):
    """The share of the examples that each split gets, all three; or the column that says so."""

    train: Annotated[float, Field(gt=0, lt=1)] | None = None
    validation: Annotated[float, Field(gt=0, lt=1)] | None = None
    test: Annotated[float, Field(gt=0, lt=1)] | None = None
    column: str | None = None
    """Names the split of each row: train, validation or test."""

    @field_validator("train", "validation", "test", mode="before")
    @classmethod
    def _later_files(cls, share: Any) -> Any:
        if isinstance(share, str):
            raise PydanticCustomError(
                "not_available_yet", "a file for each split is not available in this version yet"
            )
        return share

    @model_validator(mode="after")
    def _shares_or_column(self) -> Self:
        shares = [self.train, self.validation, self.test]
        if self.column is not None and any(share is not None for share in shares):
            raise PydanticCustomError("two_splits", "give either shares or a column, not both")
        if self.column is None and (None in shares or abs(sum(filter(None, shares)) - 1) > 1e-6):
            raise PydanticCustomError(
                "shares_incomplete", "train, validation and test must all be given and add up to 1"
            )
        return self


class DatasetToRegister(Section):
    """An uploaded or built-in dataset under a name. A known name gets its next version."""

    name: Name
    file_id: FileId | None = None
    source: Later = None
    builtin: Literal["digits"] | None = None
    format: Literal["auto", "csv", "npz", "jsonl", "conll"] = "auto"
    """By default what the suffix of the file says."""
    task: Task
    columns: Columns | None = None
    """Of a CSV or JSON lines file."""
    label_map: Annotated[dict[str, Label], Field(max_length=100_000)] = {}
    """A label as the file spells it, and the name that it gets."""
    split: Shares | None = None
    """By default 70% train, 15% validation and 15% test, stratified by class or label where there are any."""
    license: License | None = None

    @field_validator("format", mode="before")
    @classmethod
    def _later_formats(cls, form: Any) -> Any:
        return not_yet(form, ("parquet", "images", "zip", "huggingface"), "the dataset format")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.file_id is None) == (self.builtin is None):
            raise PydanticCustomError("one_origin", "give exactly one of file_id and builtin")
        return self

    def declared(self) -> dict[str, Any]:
        """What is kept of the request; the inspection reads what concerns it."""
        return self.model_dump(mode="json", exclude_defaults=True, exclude={"file_id"})


class SplitRead(Read):
    examples: int
    labeled: int
    class_counts: list[int]
    """How often each of `labels` holds; of numbers and embeddings, empty."""
    sha256: str | None
    """Of the parquet file at `/splits/{split}/content`."""
    bytes: int | None


class DatasetRead(Read):
    """One immutable version of a dataset."""

    id: str
    object: Literal["dataset"] = "dataset"
    name: str
    version: int
    status: Status
    file_id: str | None
    builtin: str | None
    task: Task
    labels: list[str] | None
    """The classes, labels, tags or numbers by name; an embedding has none."""
    input: Input | None
    examples: int | None
    splits: dict[str, SplitRead]
    report: dict[str, Any]
    """Duplicates, unreadable rows and what else the inspection found."""
    sha256: str | None
    """Of the three splits together: equal where every example is."""
    license: str | None
    problem: Rejection | None
    created_at: Moment
    inspected_at: Moment | None
