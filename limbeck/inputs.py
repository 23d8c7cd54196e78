"""What a client can do with what goes into a job: files, models and datasets."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from limbeck import transfer
from limbeck.objects import Alias, Dataset, Export, File, Lineage, Model
from limbeck.room import Room


class FileRoom(Room):
    path = "/v1/files"

    def upload(
        self,
        path: str | os.PathLike[str],
        *,
        purpose: str = "other",
        filename: str | None = None,
        moved: transfer.Moved = lambda count: None,
    ) -> File:
        """Send a file; raises `limbeck.Corrupted` where other bytes arrived."""
        source = Path(path)
        sent = transfer.upload(
            self._transport, source, filename=filename or source.name, purpose=purpose, moved=moved
        )
        return cast(File, sent)

    def get(self, file_id: str) -> File:
        return cast(File, self._get(file_id))

    def list(self) -> Iterator[File]:
        return self._list({})

    def delete(self, file_id: str) -> None:
        self._transport.request("DELETE", self._at(file_id))


class _Input(Room):
    """What is inspected before a job may use it."""

    def _create(self, declared: Mapping[str, Any]) -> Any:
        return self._transport.request("POST", self.path, json=dict(declared)).json()

    def _inspected(self, object_id: str, timeout: float | None) -> Any:
        return self.settled(object_id, frozenset({"inspecting"}), timeout)

    def delete(self, object_id: str) -> None:
        self._transport.request("DELETE", self._at(object_id))


class ModelRoom(_Input):
    path = "/v1/models"

    def create(self, *, name: str, **declared: Any) -> Model:
        """Register a teacher: `file_id`, `architecture`, `config`, `task`, `labels`, ..."""
        return cast(Model, self._create({"name": name, **declared}))

    def get(self, model: str) -> Model:
        """By id, by name (the newest version that is ready), or as `name@alias`."""
        return cast(Model, self._get(model))

    def wait(self, model_id: str, *, timeout: float | None = None) -> Model:
        """The model once it is `ready` or `rejected`."""
        return cast(Model, self._inspected(model_id, timeout))

    def list(self) -> Iterator[Model]:
        return self._list({})

    def versions(self, name: str) -> Iterator[Model]:
        """All versions of a name, newest first."""
        return self._list({}, at=self._at(name, "versions"))

    def aliases(self, name: str) -> Iterator[Alias]:
        """The aliases of a model, in the order of the alphabet."""
        return self._list({}, at=self._at(name, "aliases"), last="alias")

    def move_alias(
        self,
        name: str,
        alias: str,
        *,
        version: int | None = None,
        model: str | None = None,
        force: bool = False,
        reason: str | None = None,
    ) -> Alias:
        """Point `name@alias` to a version, by number or by `model`: its id, or another `name@alias`.

        Raises: `limbeck.Conflict` where the version's gates were not passed and `force` is not given.
        """
        wish = {"version": version, "model": model, "reason": reason, "force": force or None}
        body = {field: value for field, value in wish.items() if value is not None}
        answer = self._transport.request("PUT", self._alias(name, alias), json=body)
        return cast(Alias, answer.json())

    def remove_alias(self, name: str, alias: str) -> None:
        self._transport.request("DELETE", self._alias(name, alias))

    def alias_history(self, name: str, alias: str) -> Iterator[dict[str, Any]]:
        """Every move of `name@alias`, newest first, also of one that was removed."""
        return self._list({}, at=f"{self._alias(name, alias)}/history", last="number")

    def export(self, model: str, form: str, **settings: Any) -> Export:
        """Ask for another format of a student: `calibration`, `max_drop`. See `wait_for_export`."""
        answer = self._transport.request(
            "POST", self._at(model, "exports"), json={"format": form, **settings}
        )
        return cast(Export, answer.json())

    def exports(self, model: str) -> Iterator[Export]:
        """What was asked for of a student after its job, newest first."""
        return self._list({}, at=self._at(model, "exports"))

    def wait_for_export(self, export: Export, *, timeout: float | None = None) -> Export:
        """The export once it is `verified` or `failed`."""
        room = Room(self._transport, at=self._at(export["model_id"], "exports"))
        pending = frozenset({"queued", "running"})
        return cast(Export, room.settled(export["id"], pending, timeout))

    def lineage(self, model: str) -> Lineage:
        """Where a version came from, and what came of it."""
        return cast(Lineage, self._transport.request("GET", self._at(model, "lineage")).json())

    def _alias(self, name: str, alias: str) -> str:
        return self._at(name, "aliases", quote(alias, safe=""))


class DatasetRoom(_Input):
    path = "/v1/datasets"

    def create(self, *, name: str, **declared: Any) -> Dataset:
        """Register a dataset: `file_id` or `builtin`, `task`, `columns`, `split`, ..."""
        return cast(Dataset, self._create({"name": name, **declared}))

    def get(self, dataset: str) -> Dataset:
        """By id, or the newest ready version by name."""
        return cast(Dataset, self._get(dataset))

    def wait(self, dataset_id: str, *, timeout: float | None = None) -> Dataset:
        """The dataset once it is `ready` or `rejected`."""
        return cast(Dataset, self._inspected(dataset_id, timeout))

    def list(self) -> Iterator[Dataset]:
        return self._list({})

    def lineage(self, dataset: str) -> Lineage:
        """What was learned from a dataset."""
        return cast(Lineage, self._transport.request("GET", self._at(dataset, "lineage")).json())

    def download_split(self, dataset_id: str, split: str, to: str | os.PathLike[str]) -> str:
        """Fetch a split as parquet into the file `to`; its sha256."""
        path = self._at(dataset_id, "splits", split, "content")
        return transfer.download(self._transport, path, Path(to))
