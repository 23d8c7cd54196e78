"""What was done to the service, counted; `make faults` prints it as one table at its end."""

import json
from collections import defaultdict
from collections.abc import Callable

import pytest

_PROPERTY = "faults"
_HEAD = ("fault", "on", "times", "jobs", "attempts", "stale writes rejected")
_PROVED = "0 lost jobs, 0 duplicate results, 0 corrupt or missing artifacts, 0 orphan processes"


class Tally:
    """Of one test. Its rows travel with the test's report, also between processes of pytest."""

    def __init__(self, record_property: Callable[[str, object], None], on: str) -> None:
        self._record = record_property
        self._on = on

    def add(self, fault: str, times: int, *, jobs: int = 0, attempts: int = 0, rejected: int = 0) -> None:
        self._record(_PROPERTY, json.dumps([fault, self._on, times, jobs, attempts, rejected]))


def print_table(reporter: pytest.TerminalReporter) -> None:
    """The rows of all tests, those of one fault added up; and what they prove, if none failed."""
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for outcome in ("passed", "failed"):
        for report in reporter.stats.get(outcome, []):
            for name, value in report.user_properties:
                if name == _PROPERTY:
                    fault, on, *counts = json.loads(value)
                    row = sums[fault, on]
                    row[:] = [before + new for before, new in zip(row, counts, strict=True)]
    if not sums:
        return
    rows = [_HEAD, *((fault, on, *map(str, counts)) for (fault, on), counts in sorted(sums.items()))]
    rows.append(("all", "", *(str(sum(column)) for column in zip(*sums.values(), strict=True))))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    reporter.write_sep("=", "faults")
    for row in rows:
        first, second, *counts = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        aligned = [count.strip().rjust(width) for count, width in zip(counts, widths[2:], strict=True)]
        reporter.write_line("  ".join((first, second, *aligned)))
    failed = len(reporter.stats.get("failed", [])) + len(reporter.stats.get("error", []))
    reporter.write_line(f"{failed} tests failed: see above" if failed else _PROVED)
