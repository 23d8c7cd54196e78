"""Stands in for the science in a real worker: the configuration is the real one, `__main__` is not."""

from pathlib import Path

__path__.append(str(Path(__file__).parents[3] / "distill"))
