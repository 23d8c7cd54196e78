"""Intervals by paired bootstrap over test examples, and over seeds where there are enough of them.

Examples on which all networks score alike are one *outcome*: resampling examples is drawing how often
each outcome occurs. Of classes there are a handful of outcomes, so that this is exact, and as quick for
a million examples as for ten.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from distill.tasks.science import Scores

DRAWS = 10_000
DRAWS_AT_ONCE = 250
CONFIDENCE = 0.95
SEEDS_TO_RESAMPLE = 3
MOST_OUTCOMES = 512
"""Where there are more, examples are drawn one by one."""
MOST_EXAMPLES = 4096
"""More of them are put together in so many groups by chance: a sum over groups of independent examples
varies as the sum over examples does, and of 4096 groups the width of an interval is known to 1%."""
SPARSE_FROM = 2**18
"""Numbers from which on it pays to leave out zeros."""
Figures = NDArray[np.float64]


@dataclass(frozen=True)
class Rivals:
    """The scores of all networks that are compared, on the same examples.

    One entry a seed, of a teacher that is the same for all seeds one alone; a control that was not
    trained is None. `argmax` is the control that learned the teacher's top class.
    """

    teachers: Sequence[Scores]
    students: Sequence[Scores]
    controls: Sequence[Scores] | None = None
    argmax: Sequence[Scores] | None = None


@dataclass(frozen=True)
class Resampled:
    """Main figures, of students and controls the mean over seeds. Entry 0 is as measured, the others
    are of the resamples; all have the same length."""

    teacher: Figures
    student: Figures
    control: Figures | None
    argmax: Figures | None


def resample(rivals: Rivals, *, seed: int) -> Resampled:
    """Resample seeds, where there are at least three, then examples.

    Every network is asked about the same examples in one draw, and a student goes with the control of
    its own seed, so that differences stay paired.
    """
    random = np.random.default_rng(seed)
    kinds = [rivals.teachers, rivals.students, rivals.controls or (), rivals.argmax or ()]
    figures = _resampled_examples([scores for kind in kinds for scores in kind], random)
    seeds = _resampled_seeds(len(rivals.students), random)
    means, start = [], 0
    for kind in kinds:
        mine = figures[:, start : start + len(kind)]
        means.append(_mean_over(mine, seeds) if kind else None)
        start += len(kind)
    teacher, student, control, argmax = means
    assert teacher is not None
    assert student is not None
    return Resampled(teacher, student, control, argmax)


def _mean_over(figures: Figures, seeds: NDArray[np.int64]) -> Figures:
    """The mean of those seeds that each draw took; of a network that all seeds share, its own figure."""
    if figures.shape[1] == 1:
        return figures[:, 0]
    mean: Figures = np.take_along_axis(figures, seeds, axis=1).mean(axis=1)
    return mean


def _resampled_examples(everyone: Sequence[Scores], random: np.random.Generator) -> Figures:
    """The main figure of each network, (1 + draws, networks); row 0 as measured."""
    columns = np.stack([column for scores in everyone for column in (scores.value, scores.weight)], axis=1)
    return resampled_sums(columns, ratios, random)


def resampled_sums(
    columns: Figures, of: Callable[[Figures], Figures], random: np.random.Generator
) -> Figures:
    """What `of` makes of the sums of `columns`, float64 (examples, n), over each resample of the examples.

    `of` takes sums (draws, n) and gives figures (draws, m). Gives (1 + draws, m); row 0 as measured.
    """
    outcomes, counts = _outcomes(columns) or _one_by_one(columns, random)
    summed = _sums_over(outcomes)
    sizes = [min(DRAWS_AT_ONCE, DRAWS - start) for start in range(0, DRAWS, DRAWS_AT_ONCE)]
    figures = [of(summed(_drawn(counts, size, random))) for size in sizes]
    return np.concatenate([of(summed(counts[None, :])), *figures])


def _sums_over(outcomes: Figures) -> Callable[[NDArray[np.int64]], Figures]:
    """From how often each outcome is drawn, (draws, outcomes), to sums (draws, n). Of many classes an example
    has few: its row is nearly all zeros, which are left out."""
    if outcomes.size < SPARSE_FROM or np.count_nonzero(outcomes) > outcomes.size / 10:
        return lambda drawn: drawn.astype(np.float64) @ outcomes
    sparse = torch.from_numpy(outcomes.T).to_sparse()

    def summed(drawn: NDArray[np.int64]) -> Figures:
        columns = torch.from_numpy(np.ascontiguousarray(drawn.T, dtype=np.float64))
        sums: Figures = torch.sparse.mm(sparse, columns).numpy().T
        return sums

    return summed


def ratios(sums: Figures) -> Figures:
    """Of sums of a value and a weight in turn, (draws, 2 * m), their ratios (draws, m)."""
    return sums[:, 0::2] / sums[:, 1::2]


def _drawn(counts: NDArray[np.int64], draws: int, random: np.random.Generator) -> NDArray[np.int64]:
    """How often each outcome occurs in each of so many resamples, (draws, outcomes)."""
    examples, outcomes = counts.sum(), len(counts)
    if outcomes < examples:
        return random.multinomial(examples, counts / examples, size=draws)
    taken = random.integers(0, outcomes, size=(draws, outcomes))
    taken += outcomes * np.arange(draws)[:, None]
    return np.bincount(taken.ravel(), minlength=draws * outcomes).reshape(draws, outcomes)


def _outcomes(columns: Figures) -> tuple[Figures, NDArray[np.int64]] | None:
    """The distinct rows of `columns` (examples, 2 * networks), and how often each occurs; None where
    there are more than `MOST_OUTCOMES`."""
    outcome = np.zeros(len(columns), dtype=np.int64)
    for column in columns.T:
        _, place = np.unique(column, return_inverse=True)
        _, first, outcome, counts = np.unique(
            outcome * len(columns) + place, return_index=True, return_inverse=True, return_counts=True
        )
        if len(first) > MOST_OUTCOMES:
            return None
    return columns[first], counts


def _one_by_one(columns: Figures, random: np.random.Generator) -> tuple[Figures, NDArray[np.int64]]:
    """Each example as an outcome of its own; of too many, each sum of a group."""
    if len(columns) > MOST_EXAMPLES:
        groups = random.permutation(len(columns)) % MOST_EXAMPLES
        sums = [np.bincount(groups, weights=column).astype(np.float64) for column in columns.T]
        columns = np.stack(sums, axis=1)
    return columns, np.ones(len(columns), dtype=np.int64)


def _resampled_seeds(seeds: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Which seeds each draw takes, (1 + draws, seeds); row 0 takes each once."""
    each = np.arange(seeds)[None, :]
    if seeds < SEEDS_TO_RESAMPLE:
        return np.repeat(each, DRAWS + 1, axis=0)
    return np.concatenate([each, random.integers(0, seeds, size=(DRAWS, seeds))])


def intervals_note(seeds: int) -> str:
    """What the intervals of a job of so many seeds are about, for its reader."""
    over_examples = "95% intervals by paired bootstrap over test examples"
    if seeds == 1:
        return f"{over_examples}, of this run alone: another seed was not tried"
    of_means = f"retention, gain and gap_closed compare the means of {seeds} seeds"
    if seeds < SEEDS_TO_RESAMPLE:
        return f"{over_examples}; {of_means}, too few to say how far seeds differ"
    return f"95% intervals by paired bootstrap over seeds, then over test examples; {of_means}"


def interval(values: Figures) -> dict[str, float]:
    """`{value, low, high}`: entry 0, and the percentile interval of the rest, less what is no number."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(values[1:], [tail, 1 - tail])
    return {"value": float(values[0]), "low": float(low), "high": float(high)}


def comparisons(sample: Resampled, *, no_control: str) -> dict[str, Any]:
    """`retention`, `gain`, `gap_closed`, the verdict `distillation`, and `gain_over_teacher_argmax`.

    `no_control` says why there is no control, where there is none.
    """
    if sample.control is None:
        found: dict[str, Any] = {"gain": nothing(no_control), "gap_closed": nothing(no_control)}
        found["distillation"] = "not_measured"
    else:
        gain = interval(sample.student - sample.control)
        found = {"gain": gain, "gap_closed": _gap_closed(sample, sample.control)}
        found["distillation"] = verdict(gain)
    over_argmax = nothing("the control teacher_argmax was not asked for")
    if sample.argmax is not None:
        over_argmax = interval(sample.student - sample.argmax)
    return {"retention": _retention(sample), **found, "gain_over_teacher_argmax": over_argmax}


def verdict(gain: dict[str, float]) -> str:
    """What the gain's interval says: only one that leaves zero out decides."""
    if gain["low"] > 0:
        return "helped"
    return "hurt" if gain["high"] < 0 else "no_difference"


def nothing(reason: str) -> dict[str, Any]:
    """A figure that there is not, and why."""
    return {"value": None, "low": None, "high": None, "reason": reason}


def _retention(sample: Resampled) -> dict[str, Any]:
    if (sample.teacher <= 0).any():
        return nothing(
            "the teacher's own figure is not clearly above zero on test: a share of it says nothing"
        )
    return interval(sample.student / sample.teacher)


def _gap_closed(sample: Resampled, control: Figures) -> dict[str, Any]:
    gap = sample.teacher - control
    if interval(gap)["low"] <= 0:
        return nothing("the teacher is not clearly better than the control: there is no gap to close")
    return interval((sample.student - control) / np.where(gap > 0, gap, np.nan))
