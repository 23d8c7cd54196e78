"""Where answers are choices among names: how each name fares, how sure, and what is taken for what."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from distill.evaluate.measure import Measured, Rows
from distill.tasks.classes import CALIBRATION_BINS

MOST_NAMES = 40
MOST_CLASSES_OF_A_MATRIX = 24
MOST_PAIRS = 20
CALIBRATED = ("teacher", "student", "control")
_LISTS = {"per_class": "recall", "per_tag": "recall", "per_label": "f1", "per_output": "r2"}
"""The list in the figures of a network, and by which of its figures names are compared."""


def per_name(result: dict[str, Any]) -> dict[str, Any] | None:
    """For each class, tag, label or number: how often it occurs, the figure of each network, and what the
    student keeps of the teacher's. Of more than `MOST_NAMES` those that kept least, and how many there are.

    None of embeddings, which have no names.
    """
    found = next((key for key in _LISTS if key in result["student"]), None)
    if found is None:
        return None
    figure = _LISTS[found]
    runs = [run for run in ("teacher", "student", "control") if result.get(run) is not None]
    entries = []
    for each in zip(*(result[run][found] for run in runs), strict=True):
        figures = {run: entry[figure] for run, entry in zip(runs, each, strict=True)}
        teacher, student = figures["teacher"], figures["student"]
        entries.append(
            {
                "label": each[0]["label"],
                "support": each[0].get("support"),
                **figures,
                "retention": student / teacher if teacher > 0 else None,
            }
        )
    total = len(entries)
    if total > MOST_NAMES:
        entries = sorted(entries, key=_kept)[:MOST_NAMES]
    return {"figure": figure, "total": total, "entries": entries}


def _kept(entry: dict[str, Any]) -> float:
    """What the student lost last; names that never occur, or that the teacher cannot tell, at the end."""
    if entry["support"] == 0 or entry["retention"] is None:
        return torch.inf
    return float(entry["retention"])


def calibration(measured: Mapping[str, Measured], rows: Rows) -> dict[str, Any] | None:
    """How often each network is right where it is so sure, in bins of confidence: `{run: [{confidence,
    accuracy, share}, ...]}`, empty bins left out (a reliability diagram; Guo et al., 2017, section 2).

    Of labels that may hold together every decision counts: how often a label holds where its probability
    is so high. None where the outputs are no probabilities.
    """
    if rows.science.choices(measured["student"].outputs) is None:
        return None
    return {
        run: _bins(*_confidence(measured[run].outputs[rows.labeled], rows))
        for run in CALIBRATED
        if run in measured
    }


def _confidence(outputs: Tensor, rows: Rows) -> tuple[Tensor, Tensor]:
    """How sure, and whether that was right: float64, and bool, of as many decisions."""
    labels = rows.labels[rows.labeled]
    if rows.science.target == "label_set":
        return outputs.double().sigmoid().flatten(), labels.flatten() == 1
    said = rows.science.choices(outputs)
    assert said is not None
    return said.confidence, said.right(labels)


def _bins(confidence: Tensor, right: Tensor) -> list[dict[str, float]]:
    bin_of = (confidence * CALIBRATION_BINS).ceil().long().clamp(1, CALIBRATION_BINS) - 1
    found = []
    for number in sorted(set(bin_of.tolist())):
        here = bin_of == number
        found.append(
            {
                "confidence": confidence[here].mean().item(),
                "accuracy": right[here].double().mean().item(),
                "share": here.double().mean().item(),
            }
        )
    return found


def confusion(student: Tensor, rows: Rows) -> dict[str, Any] | None:
    """What the student takes for what: a matrix `counts[label][said]` of few classes, and the pairs that it
    confuses most. Of labels that may hold together, how often each was missed and said without reason.

    None where the target is no choice among names.
    """
    said = rows.science.choices(student[rows.labeled])
    if said is None:
        return None
    labels = rows.labels[rows.labeled]
    if rows.science.target == "label_set":
        return {"sets": _missed_and_made_up(said.picked, labels, rows.names)}
    count = len(rows.names)
    taken = Counter(zip(labels.tolist(), said.picked.tolist(), strict=True))
    pairs = [
        {"label": rows.names[label], "said": rows.names[name], "times": times}
        for (label, name), times in taken.most_common()
        if label != name
    ]
    found: dict[str, Any] = {"pairs": pairs[:MOST_PAIRS]}
    if count <= MOST_CLASSES_OF_A_MATRIX:
        counts = [[taken[label, name] for name in range(count)] for label in range(count)]
        found |= {"labels": rows.names, "counts": counts}
    return found


def _missed_and_made_up(picked: Tensor, labels: Tensor, names: list[str]) -> list[dict[str, Any]]:
    missed = ((labels == 1) & (picked == 0)).sum(dim=0).tolist()
    made_up = ((labels == 0) & (picked == 1)).sum(dim=0).tolist()
    entries = [
        {"label": name, "missed": lacking, "made_up": wrong}
        for name, lacking, wrong in zip(names, missed, made_up, strict=True)
    ]
    return sorted(entries, key=lambda entry: -(entry["missed"] + entry["made_up"]))[:MOST_NAMES]
