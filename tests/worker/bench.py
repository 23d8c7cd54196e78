"""A ready dataset, and slots to run scripted jobs in."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from ledger import tables
from ledger.database import Sessions
from ledger.files import Store
from ledger.queries import attempts, checkpoints, events_after, get_job, log_text
from ledger.settings import Settings
from tests.worker.scripted import Scripted, quick, scripted, submit


class Bench:
    def __init__(
        self, sessions: Sessions, store: Store, settings: Settings, project_id: str, drain: tuple[int, int]
    ) -> None:
        self.sessions = sessions
        self.store = store
        self.settings = quick(settings)
        self.project_id = project_id
        self.drain = drain

    def slot(self, script: str, **changes: Any) -> Scripted:
        settings = self.settings.model_copy(update=changes)
        return scripted(self.sessions, self.store, settings, script, drain=self.drain[0])

    def submit(self, **changes: Any) -> str:
        return submit(self.sessions, self.project_id, **changes)

    def job(self, job_id: str) -> tables.Job:
        with self.sessions.reading() as session:
            return get_job(session, self.project_id, job_id)

    def attempts(self, job_id: str) -> list[tables.Attempt]:
        with self.sessions.reading() as session:
            return attempts(session, job_id)

    def states(self, job_id: str) -> list[str]:
        with self.sessions.reading() as session:
            return [e.data["status"] for e in events_after(session, job_id) if e.type == "state"]

    def log(self, job_id: str, attempt: int = 1) -> str:
        with self.sessions.reading() as session:
            return log_text(session, job_id, attempt)

    def when(
        self, job_id: str, happened: Callable[[tables.Job], bool], act: Callable[[], object]
    ) -> threading.Thread:
        """Do `act` from another thread as soon as `happened`."""

        def wait() -> None:
            deadline = time.monotonic() + 20
            while not happened(self.job(job_id)):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            act()

        thread = threading.Thread(target=wait)
        thread.start()
        return thread

    def tell_when_kept(self, job_id: str, *steps: int) -> threading.Thread:
        """Let the process know, as it does not in truth, that its checkpoints are kept (`until_kept`)."""

        def wait() -> None:
            for step in steps:
                self.when(job_id, partial(self._is_kept, step), partial(self._tell, step)).join()

        thread = threading.Thread(target=wait)
        thread.start()
        return thread

    def _is_kept(self, step: int, job: tables.Job) -> bool:
        with self.sessions.reading() as session:
            return step in [row.step for row in checkpoints(session, job.id)]

    def _tell(self, step: int) -> None:
        (folder,) = (self.settings.work_dir / "attempts").iterdir()
        (folder / "in" / f"kept-{step}").touch()

    def wish(self, verb: Callable[..., Any], job_id: str) -> Callable[[], None]:
        def ask() -> None:
            with self.sessions.writing() as session:
                verb(session, self.project_id, job_id)

        return ask


def at_step(step: int) -> Callable[[tables.Job], bool]:
    return lambda job: job.progress is not None and job.progress["step"] >= step
