"""Labels, whatever a label is: how they are named, dealt, written, counted and shown. Torch-free."""

from collections.abc import Mapping
from typing import cast

from distill.config.tasks import TASKS, Task
from distill.data.examples import Array, Examples
from distill.data.targets.classes import ClassTargets
from distill.data.targets.embeddings import EmbeddingTargets
from distill.data.targets.label_sets import LabelSetTargets
from distill.data.targets.numbers import NumberTargets
from distill.data.targets.protocol import Targets
from distill.data.targets.tags import TagTargets

__all__ = ["Targets", "targets_of"]


def targets_of(task: Task, examples: Examples, label_map: Mapping[str, str]) -> Targets:
    """The labels of `examples`, renamed by `label_map`, as `task` has them.

    Raises:
        Rejected: nothing can be learned from these labels, or they are not what the task needs.
    """
    match TASKS[task].target:
        case "class":
            return ClassTargets.of(cast("list[str | None]", examples.labels), label_map)
        case "label_set":
            sets = cast("Array | list[frozenset[str] | None]", examples.labels)
            return LabelSetTargets.of(sets, examples.label_names, label_map)
        case "number":
            return NumberTargets.of(cast("Array", examples.labels), examples.label_names, label_map)
        case "tag":
            return TagTargets.of(cast("list[list[str | None]]", examples.labels), label_map)
        case "embedding":
            return EmbeddingTargets.of(len(examples), label_map)
