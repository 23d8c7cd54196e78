"""One slot of a worker: everything that an attempt needs of the process that supervises it."""

import os
import select
import sys
from dataclasses import dataclass, field
from pathlib import Path

from ledger.database import Sessions
from ledger.files import Store
from ledger.settings import Settings
from worker.cache import Cache
from worker.sandbox import Sandbox, inherited


@dataclass(frozen=True)
class Place:
    """Made once in each pool process, after the fork."""

    settings: Settings
    sessions: Sessions
    store: Store
    sandbox: Sandbox
    worker: str
    """The name of the Celery worker that it belongs to."""
    lanes: tuple[str, ...]
    """Whose jobs this slot may run."""
    device: str | None
    """The GPU that this slot owns, as `CUDA_VISIBLE_DEVICES` spells it."""
    drain: int
    """A pipe, made before the fork, that turns readable when the worker is to shut down."""
    cache: Cache = field(init=False)

    def __post_init__(self) -> None:
        root = self.settings.work_dir / "cache"
        cache = Cache(root, self.store, limit_bytes=self.settings.cache_bytes)
        object.__setattr__(self, "cache", cache)

    @property
    def lease_s(self) -> float:
        return self.settings.lease.total_seconds()

    @property
    def flush_s(self) -> float:
        return self.settings.flush_every.total_seconds()

    @property
    def threads(self) -> int:
        """Compute threads of one training process. More than there are cores is many times slower."""
        return self.settings.threads or max(1, len(os.sched_getaffinity(0)) // self.settings.concurrency)

    def draining(self) -> bool:
        """Whether the worker is shutting down, so that nothing new may begin."""
        return bool(select.select([self.drain], [], [], 0)[0])

    def command(self, verb: str, folder: Path) -> list[str]:
        """The command line of the science, as the host sees it."""
        return [sys.executable, "-P", "-m", "distill", verb, str(folder)]

    def environment(self, folder: Path, *, training: bool, gpu: bool = False) -> dict[str, str]:
        """All that a child knows of the world: no address, no key, and no GPU unless its job has one.

        The allocator keeps what it has once got: giving memory back and asking again costs a
        training step up to seven eighths of its time on a virtual machine. Threads that wait for
        each other sleep: spinning, they take the core of the one that they wait for, and a job of
        small layers on a busy machine lasted three times as long.
        """
        scratch = str(self.sandbox.scratch(folder))
        return {
            **inherited(),
            "HOME": scratch,
            "TMPDIR": scratch,
            "OMP_NUM_THREADS": str(self.threads),
            "MKL_NUM_THREADS": str(self.threads),
            "OMP_WAIT_POLICY": "passive",
            "CUDA_VISIBLE_DEVICES": self.device if gpu and self.device else "",
            "HF_HUB_OFFLINE": "1",
            "PYTHONUNBUFFERED": "1",
            **(_ALLOCATOR if training else {}),
        }


_ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(32 * 2**30),
    "MALLOC_TOP_PAD_": str(256 * 2**20),
}
