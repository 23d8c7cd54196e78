"""The loop: one for teacher, student and control, which differ in their terms and their rows.

`train` yields steps; whoever iterates records, saves or stops. All that an unbroken run would
know is in the `Learner`, so that a run can stop after any step and go on elsewhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from distill.learner import Learner
from distill.lesson import Lesson
from distill.losses.gradients import gradient_norms, shares
from distill.losses.numerics import at_least_float32
from distill.losses.terms import Answer, Moment
from distill.parts import Part, parts_of
from distill.precision import reduced_precision
from distill.schedule import rate_at

VALIDATION_BATCH = 256


@dataclass(frozen=True)
class Step:
    """One update. `losses` is still on the device: reading it costs a wait, so look seldom."""

    number: int
    """Of the run, counted from 1 through all its stages."""
    in_stage: int
    losses: Tensor
    """The total, then each unweighted term in order."""
    learning_rate: float
    weights: Mapping[str, float]
    """Of the terms."""
    shares: Mapping[str, float]
    """Of the terms in the gradient, but of those that found nothing to judge; empty where these were not
    measured."""
    validation: float | None
    """The main figure of the task on the validation split, where that was measured."""
    peer: "Step | None" = None
    """Where two students teach each other: the same update of the other one."""


def train(lesson: Lesson, learner: Learner) -> Iterator[Step]:
    """Go on with `learner` until the lesson is over, one update a step."""
    learner.trained.train()
    while not learner.is_done(lesson):
        yield advance(lesson, learner)


def advance(lesson: Lesson, learner: Learner) -> Step:
    """One update; after it the validation split, where that is due.

    The parts of a batch that is accumulated count by what each term averages over, so that the update
    is that of the whole batch. Gradients are measured on the first part.
    """
    training, number, pace = lesson.training, learner.step + 1, lesson.pace
    rate = rate_at(training, number, lesson.steps)
    weights = learner.auto_weights.weights(lesson.terms, number, pace)
    measured: Mapping[str, float] = {}
    summed = torch.zeros(1 + len(lesson.terms), dtype=torch.float64, device=lesson.train.device)

    learner.begin_update()
    for at, part in enumerate(parts_of(lesson, number)):
        moment = _moment(lesson, learner, part, number)
        losses = {term.kind: term.loss(moment) for term in lesson.terms}
        if at == 0 and lesson.weighs_gradients_at(number):
            norms = _measure(losses, learner)
            weights = learner.auto_weights.weights(lesson.terms, number, pace)
            heard = [term.kind for term in lesson.terms if part.holds(term.averages_over)]
            measured = shares(norms, {kind: weights[kind] for kind in heard})
        added = {term.kind: part.share_of(losses[term.kind], term.averages_over) for term in lesson.terms}
        total = torch.stack([weights[kind] * loss for kind, loss in added.items()]).sum()
        torch.autograd.backward(learner.scale.lifted(total))
        summed += torch.stack([total, *added.values()]).detach()
    learner.update(rate, max_grad_norm=training.max_grad_norm)

    validation = None
    if lesson.measures_after(number):
        validation = judged(learner.module, lesson)
        learner.note(validation, keep=training.select == "best")
    return Step(learner.before + number, number, summed, rate, weights, measured, validation)


def judged(module: torch.nn.Module, lesson: Lesson) -> float:
    """The main figure of the task on the validation split. Leaves the module's mode as it was."""
    science, view = lesson.science, lesson.validation
    was_training = module.training
    module.eval()
    answered = []
    with torch.inference_mode(), reduced_precision(lesson.training, view.device):
        for rows in torch.split(view.labeled_rows(), VALIDATION_BATCH):
            inputs, labels = view.batch(rows)
            answered.append(
                (
                    science.rows(module(inputs), inputs),
                    science.row_labels(labels, inputs),
                    science.row_examples(rows.to(labels.device), inputs),
                )
            )
    module.train(was_training)
    outputs, labels, examples = (torch.cat(tensors) for tensors in zip(*answered, strict=True))
    known = science.labeled(labels)
    return science.scores(outputs[known], labels[known], examples[known]).main()


def _moment(lesson: Lesson, learner: Learner, part: Part, number: int) -> Moment:
    """What student and teacher say of a part, the very same view of it."""
    with reduced_precision(lesson.training, lesson.train.device):
        student = _in_full(learner.answer(part.inputs, lesson.science.rows))
        teacher = _in_full(lesson.teacher(part.rows, part.inputs)) if lesson.teacher else None
    return Moment(student, teacher, part.labels, part.mask, number, lesson.pace)


def _in_full(answer: Answer) -> Answer:
    """The same, none of it in half precision: neither losses nor projectors work in that."""
    taps = {name: at_least_float32(tap) for name, tap in answer.taps.items()}
    return Answer(at_least_float32(answer.outputs), taps)


def _measure(losses: Mapping[str, Tensor], learner: Learner) -> dict[str, float]:
    """The norm of each unweighted term's gradient at the network's own weights."""
    lifted = {kind: learner.scale.lifted(loss) for kind, loss in losses.items()}
    weights = [weight for weight in learner.module.parameters() if weight.requires_grad]
    norms = gradient_norms(lifted, weights)
    norms = {kind: norm / learner.scale.factor for kind, norm in norms.items()}
    learner.auto_weights.observe(norms)
    return norms
