"""The loop: one for teacher, student and control, which differ in their terms and their rows.

`train` yields steps; whoever iterates records, saves or stops. All that an unbroken run would
know is in the `Learner`, so that a run can stop after any step and go on elsewhere.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from distill.batches import Order, View
from distill.checkpoint import State
from distill.config.training import Training
from distill.losses.gradients import gradient_norms, shares
from distill.losses.terms import Answer, Moment, Pace, Term
from distill.optimizer import Optimizer
from distill.preprocess import Inputs
from distill.schedule import rate_at

RunName = Literal["teacher", "student", "control"]
VALIDATION_BATCH = 256
SHARE_MEASUREMENTS = 50
"""How often in a run the share of each term in the gradient is measured."""


class FrozenTeacher(nn.Module):
    """A network that only answers: in eval mode, without gradients, whatever is asked of it.

    Its logits come in the order of the dataset's labels: `order` says which output each label is.
    """

    def __init__(self, network: nn.Module, order: Tensor | None = None) -> None:
        super().__init__()
        self.order: Tensor | None
        self.network = network.eval().requires_grad_(False)
        self.register_buffer("order", order, persistent=False)

    def train(self, mode: bool = True) -> "FrozenTeacher":
        """A teacher is never trained: stays in eval mode."""
        return self

    def forward(self, inputs: Inputs) -> Tensor:
        """Logits (B, classes), free of any graph."""
        if self.network.training:
            self.network.eval()
        with torch.inference_mode():
            logits: Tensor = self.network(inputs)
        return logits.clone() if self.order is None else logits[:, self.order]


@dataclass(frozen=True)
class Lesson:
    """What one run learns, and for how long."""

    run: RunName
    training: Training
    terms: tuple[Term, ...]
    train: View
    validation: View
    rows: Tensor
    """Rows of `train` that this run may learn from."""
    pass_length: int
    """Examples of one epoch. The control counts the student's."""
    steps: int
    """Updates that the schedule is made for."""
    last_step: int
    """Updates after which the run ends; the control ends where the student did."""
    teacher: FrozenTeacher | None = None

    def epoch(self, step: int) -> int:
        """Epochs that are over after update `step`."""
        return step * self.training.batch_size // self.pass_length

    def measures_after(self, step: int) -> bool:
        """Whether the validation split is measured after this update: each epoch, and at the end."""
        return step == self.last_step or self.epoch(step) > self.epoch(step - 1)

    def shares_at(self, step: int) -> bool:
        """Whether the terms' shares in the gradient are measured in this update."""
        return len(self.terms) > 1 and (step - 1) % max(1, self.steps // SHARE_MEASUREMENTS) == 0


@dataclass(frozen=True)
class Step:
    """One update. `losses` is still on the device: reading it costs a wait, so look seldom."""

    number: int
    losses: Tensor
    """The total, then each unweighted term in order."""
    learning_rate: float
    shares: dict[str, float]
    validation_accuracy: float | None


class Learner:
    """A network in training, with all that the next step depends on."""

    def __init__(self, module: nn.Module, training: Training) -> None:
        self.module = module
        self.optimizer = Optimizer(module, training.optimizer)
        self.step = 0
        self.best_step = 0
        self.best_accuracy = -1.0
        self.best_weights: dict[str, Tensor] = {}
        self.epochs_without_better = 0
        self.last_accuracy: float | None = None
        torch.manual_seed(training.seed)

    def is_done(self, lesson: Lesson) -> bool:
        """Whether the last update is behind it, or it stops early. A control never does: it has as many
        updates as its student had."""
        if self.step >= lesson.last_step:
            return True
        early = lesson.training.early_stopping if lesson.run != "control" else None
        return early is not None and self.epochs_without_better >= early.patience

    def note(self, accuracy: float, *, keep: bool) -> None:
        """Take in a validation figure; `keep` a copy of the weights where it is the best so far."""
        self.last_accuracy = accuracy
        if accuracy > self.best_accuracy:
            self.best_accuracy, self.best_step, self.epochs_without_better = accuracy, self.step, 0
            if keep:
                self.best_weights = {
                    name: tensor.detach().clone() for name, tensor in self.module.state_dict().items()
                }
        else:
            self.epochs_without_better += 1

    def chosen_weights(self) -> dict[str, Tensor]:
        """The weights that the run ends with: the best by validation where these were kept."""
        return self.best_weights or self.module.state_dict()

    def state(self) -> State:
        """Everything that `restore` needs for the same next step, bit for bit."""
        state = State(
            facts={
                "step": self.step,
                "best_step": self.best_step,
                "best_accuracy": self.best_accuracy,
                "epochs_without_better": self.epochs_without_better,
                "last_accuracy": self.last_accuracy,
            }
        )
        state.tensors.update({f"weights/{name}": tensor for name, tensor in self.module.state_dict().items()})
        state.tensors.update({f"best/{name}": tensor for name, tensor in self.best_weights.items()})
        state.tensors.update({f"optimizer/{name}": tensor for name, tensor in self.optimizer.state().items()})
        state.tensors["random/cpu"] = torch.get_rng_state()
        if next(self.module.parameters()).is_cuda:
            state.tensors["random/cuda"] = torch.cuda.get_rng_state()
        return state

    def restore(self, state: State) -> None:
        """Stand again where `state` was taken."""
        facts = state.facts
        self.step, self.best_step = facts["step"], facts["best_step"]
        self.best_accuracy, self.last_accuracy = facts["best_accuracy"], facts["last_accuracy"]
        self.epochs_without_better = facts["epochs_without_better"]
        self.module.load_state_dict(state.group("weights"))
        device = next(self.module.parameters()).device
        self.best_weights = {name: tensor.to(device) for name, tensor in state.group("best").items()}
        self.optimizer.restore(state.group("optimizer"))
        random = state.group("random")
        torch.set_rng_state(random["cpu"])
        if "cuda" in random and torch.cuda.is_available():
            torch.cuda.set_rng_state(random["cuda"])


def train(lesson: Lesson, learner: Learner) -> Iterator[Step]:
    """Go on with `learner` until the lesson is over, one update a step."""
    order = Order(lesson.rows, batch_size=lesson.training.batch_size, seed=lesson.training.seed)
    learner.module.train()
    while not learner.is_done(lesson):
        number = learner.step + 1
        rate = rate_at(lesson.training, number, lesson.steps)
        inputs, labels = lesson.train.batch(order.batch(number))
        with reduced_precision(lesson.training, lesson.train.device):
            student_logits = learner.module(inputs)
            teacher = Answer(lesson.teacher(inputs)) if lesson.teacher else None

        pace = Pace(lesson.steps, lesson.pass_length / lesson.training.batch_size)
        moment = Moment(Answer(student_logits), teacher, labels, None, number, pace)
        losses = {term.kind: term.loss(moment) for term in lesson.terms}
        weights = {term.kind: term.weight_at(number, pace) for term in lesson.terms}
        total = torch.stack([weights[kind] * loss for kind, loss in losses.items()]).sum()
        measured: dict[str, float] = {}
        if lesson.shares_at(number):
            measured = shares(gradient_norms(losses, list(learner.module.parameters())), weights)

        learner.module.zero_grad()
        torch.autograd.backward(total)
        if lesson.training.max_grad_norm is not None:
            nn.utils.clip_grad_norm_(learner.module.parameters(), lesson.training.max_grad_norm)
        learner.optimizer.step(rate)
        learner.step = number

        accuracy = None
        if lesson.measures_after(number):
            accuracy = accuracy_on(learner.module, lesson.validation, lesson.training)
            learner.note(accuracy, keep=lesson.training.select == "best")
        yield Step(
            number,
            torch.stack([total, *losses.values()]).detach(),
            rate,
            measured,
            accuracy,
        )


def accuracy_on(module: nn.Module, view: View, training: Training) -> float:
    """The share of labeled examples whose top class is right. Leaves the module's mode as it was."""
    was_training = module.training
    module.eval()
    rows = view.labeled_rows()
    right = torch.zeros((), dtype=torch.int64, device=view.device)
    with torch.inference_mode(), reduced_precision(training, view.device):
        for start in range(0, len(rows), VALIDATION_BATCH):
            inputs, labels = view.batch(rows[start : start + VALIDATION_BATCH])
            right += (module(inputs).argmax(dim=-1) == labels).sum()
    module.train(was_training)
    return int(right) / len(rows)


def reduced_precision(training: Training, device: torch.device) -> AbstractContextManager[Any]:
    """bfloat16 for matrix products on a GPU unless the job wants float32; float32 on a CPU."""
    wanted = training.precision == "auto" and device.type == "cuda"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=wanted)
