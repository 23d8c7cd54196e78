"""What a network may be for, and what follows from it for the loop and the evaluation."""

from distill.config.tasks import TASKS, Target, Task
from distill.tasks.classes import Classes
from distill.tasks.embeddings import Embeddings
from distill.tasks.label_sets import LabelSets
from distill.tasks.numbers import Numbers
from distill.tasks.science import Science
from distill.tasks.tags import Tags

_SCIENCES: dict[Target, Science] = {
    "class": Classes(),
    "label_set": LabelSets(),
    "tag": Tags(),
    "number": Numbers(),
    "embedding": Embeddings(),
}


def science_of(task: Task) -> Science:
    """What the loop and the evaluation ask of `task`: that of its target."""
    return _SCIENCES[TASKS[task].target]
