"""The service as Python objects: `from limbeck import Client`.

One job, start to end:

    client = Client()                                    # LIMBECK_URL and LIMBECK_API_KEY
    file = client.files.upload("digits.npz", purpose="dataset")
    client.datasets.create(name="digits", file_id=file["id"], task="image-classification")
    job = client.jobs.submit(document)
    job = client.jobs.wait(job["id"])
    client.jobs.pull(job["id"], "student/")
"""

import os
from types import TracebackType
from typing import Any, Self

import httpx

from limbeck.inputs import DatasetRoom, FileRoom, ModelRoom
from limbeck.resources import ArtifactRoom, JobRoom
from limbeck.transport import Transport

DEFAULT_PORT = 7077
DEFAULT_URL = f"http://127.0.0.1:{DEFAULT_PORT}"


class Client:
    """A connection to one project of one service.

    `url` and `api_key` default to `LIMBECK_URL` and `LIMBECK_API_KEY`. Requests are tried again for
    `retry_for` seconds when the service is busy or the connection breaks; the very first contact
    gives up after 10 s.

    Raises, from every method: `limbeck.Unreachable`, `limbeck.Refused` and its kinds.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        retry_for: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.transport = Transport(
            url or os.environ.get("LIMBECK_URL") or DEFAULT_URL,
            api_key or os.environ.get("LIMBECK_API_KEY"),
            retry_for=retry_for,
            transport=transport,
        )
        self.files = FileRoom(self.transport)
        self.models = ModelRoom(self.transport)
        self.datasets = DatasetRoom(self.transport)
        self.jobs = JobRoom(self.transport)
        self.artifacts = ArtifactRoom(self.transport)

    def signing_keys(self) -> list[dict[str, Any]]:
        """Every key by which the service signs or has signed, newest first: `{key_id, public_key, ...}`.

        Raises: `limbeck.NotFound` where it signs nothing.
        """
        keys: list[dict[str, Any]] = self.transport.request("GET", "/v1/signing-key").json()["keys"]
        return keys

    @property
    def url(self) -> str:
        return self.transport.url

    def close(self) -> None:
        self.transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
