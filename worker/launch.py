"""The last step before a training process: bind its life to its supervisor, limit it, become it.

    python -I -S launch.py SUPERVISOR_PID MEMORY_BYTES COMMAND...

Runs between `fork` and the real program in place of a `preexec_fn`, which may deadlock in a process
that has threads. Imports nothing of this package, so that it costs milliseconds. `MEMORY_BYTES` is
the address space; 0 leaves it unlimited, as CUDA needs.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_EXPENDABLE = "500"
"""Added to the score by which the kernel picks whom to kill when memory is short."""


def main(arguments: list[str]) -> None:
    """Never returns: becomes the command, or exits where its supervisor is gone already."""
    supervisor, memory_bytes, command = int(arguments[0]), int(arguments[1]), arguments[2:]
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != supervisor:  # it died before the line above
        sys.exit(1)
    prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_EXPENDABLE)
    os.execv(command[0], command)  # noqa: S606 - there is no shell in it


if __name__ == "__main__":
    main(sys.argv[1:])
