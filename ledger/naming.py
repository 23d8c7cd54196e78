"""Whether the outputs of a teacher mean what the labels of a dataset mean: by their names, in any order."""

import re
from collections.abc import Iterator

from distill.config.networks import Dataset, Network
from distill.config.problem import Problem
from distill.config.tasks import TASKS, Target

_NUMBERED = re.compile(r"LABEL_\d+", re.IGNORECASE)
"""What transformers calls the classes of a model that nobody gave names."""
_NAMED_AT_MOST = 5
_NOUN: dict[Target, str] = {"class": "class", "label_set": "label", "tag": "tag", "number": "number"}


def differing_names(teacher: Network, data: Dataset, at: str) -> Iterator[Problem]:
    """Nothing where the names agree, where an embedding has none, and where a single number needs none."""
    target = TASKS[data.task].target
    if target == "embedding" or TASKS[teacher.task].target != target:
        return
    nameless = teacher.labels is None or all(_NUMBERED.fullmatch(label) for label in teacher.labels)
    if nameless and teacher.num_outputs == len(data.labels) == 1:
        return
    if teacher.labels is None or nameless:
        detail = (
            f"nobody said which of the teacher's outputs is which {_NOUN[target]}; "
            "register the model again with `labels` in the order of its outputs"
        )
        yield Problem(at, detail, "label_order_unknown")
        return
    unknown_to_teacher = [label for label in data.labels if label not in teacher.labels]
    absent_from_data = [label for label in teacher.labels if label not in data.labels]
    if unknown_to_teacher or absent_from_data:
        parts = []
        if unknown_to_teacher:
            parts.append(f"the teacher does not know {_some(unknown_to_teacher)}")
        if absent_from_data:
            parts.append(f"the dataset does not have {_some(absent_from_data)}")
        detail = f"the labels differ: {' and '.join(parts)}; rename them with `label_map` or `labels`"
        yield Problem(at, detail, "labels_mismatch")


def _some(labels: list[str]) -> str:
    named = ", ".join(repr(label) for label in labels[:_NAMED_AT_MOST])
    more = len(labels) - _NAMED_AT_MOST
    return f"{named} and {more} more" if more > 0 else named
