"""Every figure of every update, in columns that a checkpoint carries and a parquet file shows."""

from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from distill.checkpoint import State

ROWS_OF_A_NAME = 2000
"""How many rows of one name the ledger gets; the parquet file has them all."""


class History:
    """Rows of (run, step, name, value, time). Times are epoch seconds."""

    def __init__(self) -> None:
        self._names: list[tuple[str, str]] = []
        self._index: dict[tuple[str, str], int] = {}
        self._name, self._step = array("q"), array("q")
        self._value, self._time = array("d"), array("d")

    def __len__(self) -> int:
        return len(self._step)

    def add(self, run: str, step: int, values: Mapping[str, float], time: float) -> None:
        """Keep the figures of one update."""
        for name, value in values.items():
            key = (run, name)
            if key not in self._index:
                self._index[key] = len(self._names)
                self._names.append(key)
            self._name.append(self._index[key])
            self._step.append(step)
            self._value.append(value)
            self._time.append(time)

    def curve(self, run: str, name: str) -> list[tuple[int, float]]:
        """(step, value) of one name in one run, in order."""
        wanted = self._index.get((run, name), -1)
        return [
            (step, value)
            for number, step, value in zip(self._name, self._step, self._value, strict=True)
            if number == wanted
        ]

    def names(self) -> Iterator[tuple[str, str]]:
        """Every (run, name) that has rows."""
        return iter(self._names)

    def state(self) -> State:
        return State(
            {
                "name": _tensor(self._name),
                "step": _tensor(self._step),
                "value": _tensor(self._value),
                "time": _tensor(self._time),
            },
            {"names": self._names},
        )

    def restore(self, state: State) -> None:
        self._names = [(run, name) for run, name in state.facts["names"]]
        self._index = {key: number for number, key in enumerate(self._names)}
        self._name = array("q", state.tensors["name"].numpy().tobytes())
        self._step = array("q", state.tensors["step"].numpy().tobytes())
        self._value = array("d", state.tensors["value"].numpy().tobytes())
        self._time = array("d", state.tensors["time"].numpy().tobytes())

    def write(self, path: Path) -> None:
        """All rows as parquet, with columns run, step, name, value, time."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        number = np.array(self._name)
        runs = np.array([run for run, _ in self._names], dtype=object)
        names = np.array([name for _, name in self._names], dtype=object)
        pq.write_table(
            pa.table(
                {
                    "run": pa.array(runs[number], pa.string()),
                    "step": pa.array(self._step, pa.int64()),
                    "name": pa.array(names[number], pa.string()),
                    "value": pa.array(self._value, pa.float64()),
                    "time": pa.array(self._time, pa.float64()),
                }
            ),
            path,
        )


def _tensor(column: "array[int] | array[float]") -> torch.Tensor:
    """A copy that stays as it is while the column grows."""
    return torch.from_numpy(np.array(column))


def every_nth(total: int) -> int:
    """The n for which every n-th of `total` rows is at most `ROWS_OF_A_NAME` rows."""
    return -(-total // ROWS_OF_A_NAME)
