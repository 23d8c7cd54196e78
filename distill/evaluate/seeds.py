"""The students of a job that trains several from different seeds: which one ships, and their names."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from distill.history import History
from distill.runs import of_seed
from distill.study import Trained


@dataclass(frozen=True)
class SeedOfJob:
    """One student and its controls."""

    number: int
    """From 1."""
    seed: int
    ships: bool = False

    def run(self, kind: str) -> str:
        """What its run is called in training: `student`, `student.seed2`, ..."""
        return of_seed(kind, self.number)

    def name(self, kind: str) -> str:
        """What it is called in the result and the predictions, where `student` is the one that ships:
        `student`, `student.seed1`, ..."""
        return kind if self.ships else f"{kind}.seed{self.number}"


def seeds_of(
    finished: Mapping[str, Trained], history: History, *, first: int, count: int, main_figure: str
) -> list[SeedOfJob]:
    """`count` seeds from `first` on. The one whose student is best by validation ships; of equals the first.

    A student is judged by the weights that it ended with.
    """
    seeds = [SeedOfJob(number, first + number - 1) for number in range(1, count + 1)]

    def validation(each: SeedOfJob) -> float:
        run = each.run("student")
        curve = dict(history.curve(run, f"validation.{main_figure}"))
        return curve.get(finished[run].chosen_step, finished[run].validation)

    best = max(seeds, key=validation)
    return [replace(each, ships=each is best) for each in seeds]
