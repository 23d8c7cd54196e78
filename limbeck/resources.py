"""What a client can do with each kind of object."""

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from limbeck import following, transfer
from limbeck.errors import LimbeckError, WaitTimedOut
from limbeck.objects import TERMINAL, Artifact, Artifacts, Dataset, Event, File, Job, Metrics, Model, Plan
from limbeck.transport import Transport

_HOLD_S = 30
"""How long a waiting request is held; longer ones die in too many proxies."""
_PLANNING_S = 30


class _Room:
    path: str

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _get(self, object_id: str, *, wait: float | None = None, retry_for: float | None = None) -> Any:
        """`wait`: seconds to hold the request until the status changes."""
        return self._transport.request(
            "GET",
            self._at(object_id),
            params={"wait": wait and max(1, round(wait))},
            waits=wait or 0,
            retry_for=retry_for,
        ).json()

    def _at(self, object_id: str, *part: str) -> str:
        """The address of an object or of a part of it, whatever characters the caller took for an id."""
        return "/".join((self.path, quote(object_id, safe=""), *part))

    def _list(self, params: Mapping[str, Any]) -> Iterator[Any]:
        """Every object, newest first, page by page."""
        after: str | None = None
        while True:
            page = self._transport.request(
                "GET", self.path, params={**params, "limit": 100, "after": after}
            ).json()
            yield from page["data"]
            if not page["has_more"]:
                return
            after = page["data"][-1]["id"]

    def _settled(self, object_id: str, pending: frozenset[str], timeout: float | None) -> Any:
        """The object once its status is none of `pending`; holds on through a lost connection."""
        deadline = time.monotonic() + (float("inf") if timeout is None else timeout)
        found = self._get(object_id, retry_for=deadline - time.monotonic())
        while found["status"] in pending:
            left = deadline - time.monotonic()
            if left <= 0:
                raise WaitTimedOut(f"{object_id} is still {found['status']} after {timeout:.0f} s")
            found = self._get(object_id, wait=min(_HOLD_S, left), retry_for=left)
        return found


class FileRoom(_Room):
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


class _Input(_Room):
    """What is inspected before a job may use it."""

    def _create(self, declared: Mapping[str, Any]) -> Any:
        return self._transport.request("POST", self.path, json=dict(declared)).json()

    def _inspected(self, object_id: str, timeout: float | None) -> Any:
        return self._settled(object_id, frozenset({"inspecting"}), timeout)

    def delete(self, object_id: str) -> None:
        self._transport.request("DELETE", self._at(object_id))


class ModelRoom(_Input):
    path = "/v1/models"

    def create(self, *, name: str, **declared: Any) -> Model:
        """Register a teacher: `file_id`, `architecture`, `config`, `task`, `labels`, ..."""
        return cast(Model, self._create({"name": name, **declared}))

    def get(self, model: str) -> Model:
        """By id, or the newest ready version by name."""
        return cast(Model, self._get(model))

    def wait(self, model_id: str, *, timeout: float | None = None) -> Model:
        """The model once it is `ready` or `rejected`."""
        return cast(Model, self._inspected(model_id, timeout))

    def list(self) -> Iterator[Model]:
        return self._list({})


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

    def download_split(self, dataset_id: str, split: str, to: str | os.PathLike[str]) -> str:
        """Fetch a split as parquet into the file `to`; its sha256."""
        path = self._at(dataset_id, "splits", split, "content")
        return transfer.download(self._transport, path, Path(to))


class ArtifactRoom(_Room):
    path = "/v1/artifacts"

    def download(
        self,
        artifact: Artifact,
        to: str | os.PathLike[str],
        *,
        moved: transfer.Moved = lambda count: None,
    ) -> None:
        """Fetch one artifact into the file `to`; raises `limbeck.Corrupted` where bytes differ."""
        path = self._at(artifact["id"], "content")
        transfer.download(self._transport, path, Path(to), sha256=artifact["sha256"], moved=moved)


class JobRoom(_Room):
    path = "/v1/jobs"

    def submit(self, document: Mapping[str, Any]) -> Job:
        """Submit a job document; raises `limbeck.Rejected` with a pointer to each problem."""
        return cast(Job, self._transport.request("POST", self.path, json=dict(document)).json())

    def plan(self, document: Mapping[str, Any]) -> Plan:
        """What the job would be, without making it."""
        answer = self._transport.request(
            "POST", self.path, params={"dry_run": "true"}, json=dict(document), waits=_PLANNING_S
        )
        return cast(Plan, answer.json())

    def get(self, job_id: str, *, wait: float | None = None, retry_for: float | None = None) -> Job:
        """`wait`: seconds to hold the request until the status changes."""
        return cast(Job, self._get(job_id, wait=wait, retry_for=retry_for))

    def list(
        self,
        *,
        status: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Iterator[Job]:
        """Newest first."""
        about = {f"metadata[{key}]": value for key, value in (metadata or {}).items()}
        return self._list({"status": status, "name": name, **about})

    def wait(self, job_id: str, *, timeout: float | None = None) -> Job:
        """The job once it is over; raises `limbeck.WaitTimedOut` after `timeout` seconds."""
        pending = frozenset({"queued", "running", "paused"})
        return cast(Job, self._settled(job_id, pending, timeout))

    def watch(self, job_id: str, *, timeout: float | None = None) -> Iterator[Job]:
        """The job now and about every second, the last time when it is over."""
        deadline = time.monotonic() + (float("inf") if timeout is None else timeout)
        job = self.get(job_id, retry_for=deadline - time.monotonic())
        yield job
        while job["status"] not in TERMINAL:
            left = deadline - time.monotonic()
            if left <= 0:
                raise WaitTimedOut(f"{job_id} is still {job['status']} after {timeout:.0f} s")
            job = self.get(job_id, wait=1, retry_for=left)
            yield job

    def cancel(self, job_id: str) -> Job:
        return self._act(job_id, "cancel")

    def retry(self, job_id: str) -> Job:
        return self._act(job_id, "retry")

    def delete(self, job_id: str) -> None:
        self._transport.request("DELETE", self._at(job_id))

    def events(self, job_id: str, *, after: int = 0) -> Iterator[Event]:
        """Live, in order and without gaps, until the job is over."""
        return following.events(self._transport, self._at(job_id), after=after)

    def metrics(self, job_id: str, *, names: str | None = None, run: str | None = None) -> Metrics:
        answer = self._transport.request(
            "GET", self._at(job_id, "metrics"), params={"names": names, "run": run}
        )
        return cast(Metrics, answer.json()["data"])

    def logs(self, job_id: str, *, attempt: int | None = None) -> str:
        return self._transport.request("GET", self._at(job_id, "logs"), params={"attempt": attempt}).text

    def report(self, job_id: str, suffix: str = "json") -> str:
        """The report as `json`, `md`, `html` or `xml` (JUnit)."""
        return self._transport.request("GET", self._at(job_id, f"report.{suffix}")).text

    def artifacts(self, job_id: str) -> Artifacts:
        answer = self._transport.request("GET", self._at(job_id, "artifacts"), params={"limit": 100})
        return cast(Artifacts, answer.json()["data"])

    def pull(
        self,
        job_id: str,
        to: str | os.PathLike[str],
        *,
        kinds: frozenset[str] | None = None,
        moved: transfer.Moved = lambda count: None,
    ) -> Artifacts:
        """Fetch a job's artifacts into the folder `to`, each checked by its sha256; which ones."""
        wanted = [
            artifact for artifact in self.artifacts(job_id) if kinds is None or artifact["kind"] in kinds
        ]
        for artifact in wanted:
            target = Path(to) / _plain(artifact["filename"])
            ArtifactRoom(self._transport).download(artifact, target, moved=moved)
        return wanted

    def _act(self, job_id: str, action: str) -> Job:
        return cast(Job, self._transport.request("POST", self._at(job_id, action)).json())


def _plain(filename: str) -> str:
    """A file name that cannot leave its folder."""
    name = Path(filename).name
    if not name or name != filename:
        raise LimbeckError(f"the service names a file '{filename}', which is no plain file name")
    return name
