"""What a worker that died left on this machine: its processes and its folders."""

import signal
from pathlib import Path

import structlog

from worker import processes
from worker.folders import Folder, abandoned, remove

log = structlog.get_logger(__name__)


def sweep(work_dir: Path) -> int:
    """Kill the orphans of dead supervisors of this `work_dir` and remove their folders.

    Returns how many folders went. One in which something will not die, or that will not go, stays.
    """
    removed = 0
    with abandoned(work_dir) as folders:
        for folder in folders:
            _kill_remembered(folder)
            if not processes.kill_inside(folder.path):
                log.error("leftover_stays", folder=str(folder.path), pids=processes.inside(folder.path))
                continue
            try:
                remove(folder.path)
            except OSError as error:
                log.error("leftover_stays", folder=str(folder.path), error=str(error))
                continue
            removed += 1
            log.warning("leftover_removed", folder=str(folder.path))
    return removed


def _kill_remembered(folder: Folder) -> None:
    """Kill the group that worked here, if its leader is still the process that was noted."""
    noted = folder.remembered()
    if noted is not None and processes.start_time(noted[0]) == noted[1]:
        processes.send_group(noted[0], signal.SIGKILL)
