"""`python -m benchmarks.teaches [--work DIR] [TABLE ...]`: run the jobs that lack, and write docs/results.md.

Everything is kept under DIR: what has run with the same document is read, not run again.
"""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.teaches import defaults, few_labels, hinton

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "results.md"
WORK = ROOT / "build" / "teaches"
TABLES: dict[str, Callable[[Path], str]] = {
    "defaults": defaults.compared,
    "sets": few_labels.sets,
    "gains": few_labels.gains,
    "pace": few_labels.pace,
    "temperatures": hinton.temperatures,
    "left_out": hinton.left_out,
}
"""By the name that stands in the page, around the place of each."""


def with_table(page: str, name: str, table: str) -> str:
    """The page with this table in its place, between `<!-- name -->` and `<!-- end -->`."""
    place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    assert place.search(page), f"the page has no place for '{name}'"
    return place.sub(lambda match: f"{match[1]}{table}\n{match[2]}", page)


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.teaches", description=__doc__)
    parser.add_argument("--work", type=Path, default=WORK, help="where sets, teachers and jobs are kept")
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(TABLES))
    asked = parser.parse_args(arguments)
    for name in asked.tables or TABLES:
        made = TABLES[name](asked.work)
        print(f"\n# {name}\n{made}", flush=True)
        PAGE.write_text(with_table(PAGE.read_text(), name, made))


if __name__ == "__main__":
    main(sys.argv[1:])
