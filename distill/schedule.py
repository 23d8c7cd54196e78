"""How long a run is, and the learning rate of each of its updates."""

from math import cos, pi

from distill.config.training import Cosine, StepDecay, Training


def steps_of(training: Training, examples: int) -> int:
    """Updates of a run that sees `examples` an epoch. Every batch is full."""
    if training.steps is not None:
        return training.steps
    assert training.epochs is not None
    return -(-training.epochs * examples // training.batch_size)


def rate_at(training: Training, step: int, total_steps: int) -> float:
    """The learning rate of update `step`, counted from 1: linear warm-up, then the schedule."""
    schedule, full = training.schedule, training.optimizer.learning_rate
    warmup = schedule.warmup_steps
    if step <= warmup:
        return full * step / warmup
    done = (step - 1 - warmup) / max(1, total_steps - warmup)
    if isinstance(schedule, Cosine):
        return full * (1 + cos(pi * min(1.0, done))) / 2
    if isinstance(schedule, StepDecay):
        return full * schedule.factor ** sum(done >= share for share in schedule.at)
    return full
