"""What a client can do with jobs, and with what they left."""

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from limbeck import following, pulling, transfer
from limbeck.errors import WaitTimedOut
from limbeck.objects import TERMINAL, Artifact, Artifacts, Event, Job, Metrics, Plan
from limbeck.room import Room

_PLANNING_S = 30


class ArtifactRoom(Room):
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


class JobRoom(Room):
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
        return cast(Job, self.settled(job_id, pending, timeout))

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
        form: str | None = None,
        moved: transfer.Moved = lambda count: None,
    ) -> Artifacts:
        """Fetch a job's artifacts into the folder `to`, each checked by its sha256; which ones.

        `form` takes the files of one format of the student alone, and the manifest that lists them.
        """
        wanted = [
            artifact for artifact in self.artifacts(job_id) if kinds is None or artifact["kind"] in kinds
        ]
        if form is not None:
            wanted = pulling.of_format(wanted, form)
        targets = [pulling.place(Path(to), artifact["filename"]) for artifact in wanted]
        for artifact, target in zip(wanted, targets, strict=True):
            ArtifactRoom(self._transport).download(artifact, target, moved=moved)
        return wanted

    def _act(self, job_id: str, action: str) -> Job:
        return cast(Job, self._transport.request("POST", self._at(job_id, action)).json())
