"""Real Celery workers over a real broker, with scripts in the place of the science."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.database import Sessions
from ledger.files import Store
from ledger.settings import Settings
from tests.faults.fleet import Fleet
from tests.faults.tally import Tally, print_table
from tests.faults.yard import Yard
from tests.worker.scripted import ready_dataset
from worker import processes


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    print_table(terminalreporter)


@pytest.fixture
def tally(record_property: Callable[[str, object], None], database_url: str) -> Tally:
    return Tally(record_property, database_url.partition(":")[0].partition("+")[0])


@pytest.fixture
def yard(
    sessions: Sessions, store: Store, settings: Settings, project_id: str, tmp_path: Path
) -> Iterator[Yard]:
    ready_dataset(sessions, store, project_id, tmp_path)
    yard = Yard(sessions, store, settings, project_id, tmp_path)
    yield yard
    yard.close()
    assert processes.kill_inside(yard.settings.work_dir)


@pytest.fixture
def fleet(yard: Yard, tmp_path: Path) -> Iterator[Fleet]:
    """The whole service, with one slot; a test may make another of its own."""
    fleet = Fleet(yard, tmp_path)
    yield fleet
    fleet.close()
