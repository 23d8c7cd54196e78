"""What a job cost: time, updates and memory."""

import resource
import sys
from typing import Any

import torch

from distill.spent import Spent

PER_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in the unit in which a system tells the resident memory of a process."""


def cost(spent: Spent, environment: dict[str, Any]) -> dict[str, Any]:
    """Seconds of each phase so far, seconds and examples of each run, and the most memory that the training
    process held, in bytes: its own, and on the GPU where it had one."""
    seconds = spent.seconds_of_runs()
    on_gpu = environment.get("device") == "cuda"
    return {
        "phases": [{"name": name, "seconds": taken} for name, taken in spent.seconds_of_phases().items()],
        "runs": [
            {
                "run": run,
                "seconds": seconds.get(run),
                "examples": examples,
                "examples_per_s": examples / seconds[run] if seconds.get(run) else None,
            }
            for run, examples in spent.examples.items()
        ],
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PER_UNIT,
        "peak_gpu_memory_bytes": torch.cuda.max_memory_allocated() if on_gpu else None,
    }
