"""Services that `limbeck up` runs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.launched import Launched, add_digits, launch, leave_nothing

Launch = Callable[[Path], Launched]


@pytest.fixture
def launched(tmp_path: Path) -> Iterator[Launch]:
    """Starts services on homes in `tmp_path`; nothing of them is left after the test."""
    services: list[Launched] = []

    def start(home: Path) -> Launched:
        services.append(launch(home))
        return services[-1]

    yield start
    leave_nothing(tmp_path, services)


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """A service with the digits in it, for tests that leave it standing."""
    folder = tmp_path_factory.mktemp("standing")
    service = launch(folder / "home")
    with service.client() as client:
        add_digits(client)
    yield service
    leave_nothing(folder, [service])
