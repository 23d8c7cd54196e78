"""An API on a database, a broker and a store of its own, and what is in it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from ledger import logs
from ledger.database import Sessions
from ledger.files import Store
from ledger.keys import create_key
from ledger.queue import Doorbell
from ledger.settings import Settings
from tests.api.seeds import World, make_world


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> None:
    """Colored tracebacks with every local variable take seconds each."""
    logs.configure("json")


@pytest.fixture
def doorbell(broker_url: str) -> Iterator[Doorbell]:
    doorbell = Doorbell(broker_url)
    yield doorbell
    doorbell.close()


@pytest.fixture
def app(sessions: Sessions, store: Store, doorbell: Doorbell, settings: Settings) -> FastAPI:
    return create_app(sessions, store, doorbell, settings)


@pytest.fixture
def client(app: FastAPI, sessions: Sessions, project_id: str) -> Iterator[TestClient]:
    """Speaks for the default project, with every scope."""
    with TestClient(app, headers=bearer(sessions, project_id)) as client:
        yield client


@pytest.fixture
def stranger(client: TestClient, app: FastAPI, sessions: Sessions, other_project_id: str) -> TestClient:
    """Speaks for another project, to the same running application."""
    stranger = TestClient(app, headers=bearer(sessions, other_project_id))
    stranger.portal = client.portal
    return stranger


@pytest.fixture
def live(app: FastAPI, sessions: Sessions, project_id: str) -> Iterator[httpx.Client]:
    """The application behind a real server: the test client has no live streams."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    port = server.servers[0].sockets[0].getsockname()[1]
    limits = httpx.Limits(max_connections=100)
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", headers=bearer(sessions, project_id), timeout=30, limits=limits
    ) as http:
        yield http
    server.should_exit = True
    thread.join(10)


def bearer(sessions: Sessions, project_id: str, **options: Any) -> dict[str, str]:
    with sessions.writing() as session:
        _, text = create_key(session, project_id=project_id, name="test", **options)
    return {"Authorization": f"Bearer {text}"}


@pytest.fixture
def world(sessions: Sessions, store: Store, project_id: str, tmp_path: Path) -> World:
    """The default project with something of everything in it."""
    return make_world(sessions, store, project_id, tmp_path / "aside")
