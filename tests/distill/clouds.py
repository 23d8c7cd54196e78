"""Points in three clouds, small networks that tell them apart, and lessons about them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from distill.batches import View
from distill.config.losses import HardTarget, LossTerm, SoftTarget
from distill.config.networks import Input, Preprocessing
from distill.config.training import Training
from distill.knowledge import Live
from distill.learner import Learner
from distill.lesson import Course, Lesson
from distill.losses.terms import Term, logit_term
from distill.preprocess import Preprocessor
from distill.teachers import FrozenTeacher

FEATURES, CLASSES = 6, 3


def view(examples: int, seed: int = 0, *, labeled: int | None = None) -> View:
    """So many points, the first of which have labels."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(examples) % CLASSES
    inputs = torch.randn(examples, FEATURES, generator=generator) + 2 * nn.functional.one_hot(
        labels, FEATURES
    )
    labels[labeled if labeled is not None else examples :] = -1
    features = Input(kind="tabular", shape=[FEATURES], dtype="float32")
    preprocessor = Preprocessor(Preprocessing(), features)
    return View(inputs, labels, preprocessor, torch.device("cpu"), "tabular-classification")


def network(seed: int = 0) -> nn.Module:
    """With everything that has a state or draws: batch norm and dropout."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(FEATURES, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, CLASSES)
    )


def plain_network(seed: int = 0, *, width: int = 16) -> nn.Module:
    """Whose answer to an example depends on that example alone."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(FEATURES, width), nn.Tanh(), nn.Linear(width, CLASSES))


class InFloat64(nn.Module):
    """A network that counts in float64 whatever it is given."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.double()

    def forward(self, inputs: Tensor) -> Tensor:
        answered: Tensor = self.network(inputs.double())
        return answered


def terms(*sections: LossTerm) -> tuple[Term, ...]:
    """Of outputs alone."""
    return tuple(logit_term(section, target="class") for section in sections)


def lesson(training: Training, **facts: Any) -> Lesson:
    """Ninety points, half by the labels and half by a teacher."""
    seen = facts.get("train", view(90))
    return Lesson(
        **{
            "training": training,
            "terms": terms(SoftTarget(weight=0.5, temperature=2.0), HardTarget(weight=0.5)),
            "train": seen,
            "validation": view(60, seed=1),
            "rows": torch.arange(len(seen)),
            "pass_length": len(seen),
            "teacher": Live(FrozenTeacher(network(seed=5)), seen),
        }
        | facts
    )


def learner(lesson: Lesson, module: nn.Module | None = None) -> Learner:
    """A beginner in this lesson."""
    return Learner(module or network(), lesson)


def course(*lessons: Lesson, fresh: Callable[[], nn.Module] = network, run: str = "student") -> Course:
    """A run of these stages."""
    return Course(run, lessons, fresh)


def weights(module: nn.Module) -> bytes:
    """Every bit of a network."""
    return b"".join(tensor.numpy().tobytes() for tensor in module.state_dict().values())
