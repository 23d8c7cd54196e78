"""What a job ran on, so that its figures can be understood later."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import torch

COMPUTES = ("torch", "numpy", "transformers", "tokenizers")
"""The packages whose versions may change a figure; they are not imported for it, which takes seconds."""


def environment(device: torch.device) -> dict[str, str | int]:
    """Versions, processor and threads."""
    facts: dict[str, str | int] = {
        "python": platform.python_version(),
        **{name: version(name) for name in COMPUTES},
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "device": device.type,
    }
    if device.type == "cuda":
        facts["gpu"] = torch.cuda.get_device_name(device)
    return facts


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()
