"""A network in training, with everything that its next update depends on."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from distill.checkpoint import State
from distill.layers.taps import Taps
from distill.lesson import Lesson
from distill.losses.gradients import AutoWeights
from distill.losses.terms import Answer
from distill.optimizer import Optimizer
from distill.precision import LossScale
from distill.preprocess import Inputs
from distill.rounding import Rounding

MEASURED_EXAMPLES = 512
"""At least so many find the first ranges of a network that rounds."""


class Learner:
    """Takes one lesson: optimizer, projectors, and what counts as best are that lesson's own.

    `before` are the updates that the same network had in earlier lessons.
    """

    def __init__(self, module: nn.Module, lesson: Lesson, *, before: int = 0) -> None:
        self.module = module
        device = next(module.parameters()).device
        projectors = {term.kind: term.projector for term in lesson.terms if term.projector is not None}
        self.projectors = nn.ModuleDict(projectors).to(device)
        self.trained = nn.ModuleList([module, self.projectors])
        self._weights = list(self.trained.parameters())
        self.optimizer = Optimizer(self.trained, lesson.training.optimizer)
        self.scale = LossScale(lesson.training)
        self.auto_weights = AutoWeights()
        self.before = before
        self.step = 0
        self.best_step = 0
        self.best_figure: float | None = None
        self.best_weights: dict[str, Tensor] = {}
        self.epochs_without_better = 0
        self.last_figure: float | None = None
        self._rounding = _measured(module, lesson) if lesson.rounds else None
        self._taps = Taps(module, {name for term in lesson.terms for name in term.student_taps})
        torch.manual_seed(lesson.training.seed)

    def answer(self, inputs: Inputs, rows: Callable[[Tensor, Inputs], Tensor]) -> Answer:
        """What the network says of a batch: the outputs of the judged rows, and the layers that the terms
        look at."""
        return Answer(rows(self.module(inputs), inputs), self._taps.take())

    def begin_update(self) -> None:
        """Forget the gradients of the update before."""
        for weight in self._weights:
            weight.grad = None

    def update(self, rate: float, *, max_grad_norm: float | None) -> None:
        """Change the weights along the gradients that were gathered."""
        self.step += 1
        if self._rounding is not None:
            self._rounding.settle()
        if not self.scale.bring_down(weight.grad for weight in self._weights if weight.grad is not None):
            return
        if max_grad_norm is not None:
            nn.utils.clip_grad_norm_(self._weights, max_grad_norm)
        self.optimizer.step(rate)

    def is_done(self, lesson: Lesson) -> bool:
        """Whether the last update is behind it, or it stops early."""
        if self.step >= lesson.last_step:
            return True
        early = lesson.training.early_stopping if lesson.ends_after is None else None
        return early is not None and self.epochs_without_better >= early.patience

    def note(self, figure: float, *, keep: bool) -> None:
        """Take in a validation figure; `keep` a copy of the weights where it is the best so far."""
        self.last_figure = figure
        if self.best_figure is None or figure > self.best_figure:
            self.best_figure, self.best_step, self.epochs_without_better = figure, self.step, 0
            if keep:
                self.best_weights = {
                    name: tensor.detach().clone() for name, tensor in self.module.state_dict().items()
                }
        else:
            self.epochs_without_better += 1

    @property
    def chosen_step(self) -> int:
        """The update, counted over the whole run, whose weights the lesson ends with."""
        return self.before + (self.best_step if self.best_weights else self.step)

    def choose(self) -> None:
        """The lesson is over: settle on the best weights by validation where these were kept."""
        self._taps.close()
        if self._rounding is not None:
            self._rounding.close()
        if self.best_weights:
            self.module.load_state_dict(self.best_weights)

    def state(self) -> State:
        """Everything that `restore` needs for the same next step, bit for bit."""
        tensors = {
            "weights": self.module.state_dict(),
            "projectors": self.projectors.state_dict(),
            "best": self.best_weights,
            "optimizer": self.optimizer.state(),
            "random": random_state(next(self.module.parameters()).device),
            "rounding": {} if self._rounding is None else {"ranges": self._rounding.ranges},
        }
        return State(
            {f"{part}/{name}": tensor for part, named in tensors.items() for name, tensor in named.items()},
            {
                "before": self.before,
                "step": self.step,
                "best_step": self.best_step,
                "best_figure": self.best_figure,
                "epochs_without_better": self.epochs_without_better,
                "last_figure": self.last_figure,
                "auto_weights": self.auto_weights.state(),
                "scale": self.scale.state(),
            },
        )

    def restore(self, state: State) -> None:
        """Stand again where `state` was taken."""
        facts = state.facts
        self.before, self.step, self.best_step = facts["before"], facts["step"], facts["best_step"]
        self.best_figure, self.last_figure = facts["best_figure"], facts["last_figure"]
        self.epochs_without_better = facts["epochs_without_better"]
        self.auto_weights.restore(facts["auto_weights"])
        self.scale.restore(facts["scale"])
        self.module.load_state_dict(state.group("weights"))
        self.projectors.load_state_dict(state.group("projectors"))
        device = next(self.module.parameters()).device
        self.best_weights = {name: tensor.to(device) for name, tensor in state.group("best").items()}
        self.optimizer.restore(state.group("optimizer"))
        if self._rounding is not None:
            self._rounding.ranges = state.group("rounding")["ranges"].to(device)
        set_random_state(state.group("random"))


def _measured(module: nn.Module, lesson: Lesson) -> Rounding:
    """The network rounds from now on, its ranges those of examples of train, as of an export."""
    rounding = Rounding(module)
    was_training, training = module.training, lesson.training
    module.eval()
    with torch.no_grad(), rounding.measuring():
        for number in range(1, 1 + -(-MEASURED_EXAMPLES // training.batch_size)):
            for rows in lesson.order.batch(number).chunk(training.accumulate):
                module(lesson.train.batch(rows)[0])
    module.train(was_training)
    return rounding


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Where the random streams that a network on `device` draws from stand."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict[str, Tensor]) -> None:
    """Go on drawing where `state` was taken."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
