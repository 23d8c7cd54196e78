"""The losses of one seeded run, as they were when its formulas had been checked.

They must not move by more than another processor rounds: a changed formula, schedule, order or update
rule moves them far more. Where one was changed on purpose: `python -m tests.distill.test_golden_curve
> tests/golden/curve.json`, and say in the commit why.
"""

import json
import sys
from pathlib import Path

import pytest
import torch

from distill.config.losses import Decoupled, HardTarget, SoftTarget
from distill.config.schedules import TemperatureRamp, WeightRamp, WeightWarmup
from distill.config.training import AdamW, Cosine, Sgd, StepDecay, Training
from distill.knowledge import Live
from distill.study import Study
from distill.teachers import FrozenTeacher
from tests.distill.clouds import course, lesson, plain_network, terms, view

CURVE = Path(__file__).parents[1] / "golden" / "curve.json"
ANOTHER_PROCESSOR = 1e-4


def seeded_run() -> dict[str, list[float]]:
    """The total and each term of every fifth update of two stages, by update."""
    seen = view(90, labeled=60)
    teacher = Live(FrozenTeacher(plain_network(seed=5)), seen)
    first = lesson(
        Training(
            steps=25,
            batch_size=16,
            seed=1,
            optimizer=AdamW(learning_rate=1e-2, weight_decay=0.1),
            schedule=Cosine(warmup_steps=4),
            max_grad_norm=0.5,
        ),
        terms=terms(
            SoftTarget(
                weight=WeightRamp(kind="cosine", start=1.0, end=0.2),
                temperature=TemperatureRamp(kind="linear", start=8.0, end=2.0),
            ),
            HardTarget(weight=0.3),
        ),
        train=seen,
        teacher=teacher,
    )
    second = lesson(
        Training(
            steps=25,
            batch_size=24,
            accumulate=3,
            seed=2,
            optimizer=Sgd(kind="sgd", learning_rate=0.05, nesterov=True),
            schedule=StepDecay(kind="step", at=[0.5]),
        ),
        terms=terms(Decoupled(weight=WeightWarmup(kind="warmup", value=0.5, steps=10)), HardTarget()),
        train=seen,
        teacher=teacher,
    )
    study = Study(course(first, second, fresh=plain_network))
    return {
        str(step.number): step.losses.tolist()
        for _ in study.lessons()
        for step in study.updates()
        if step.number % 5 == 0
    }


def test_a_seeded_run_gives_the_losses_that_it_gave_before() -> None:
    expected = json.loads(CURVE.read_text())

    curve = seeded_run()

    assert curve.keys() == expected.keys()
    for number, losses in expected.items():
        assert curve[number] == pytest.approx(losses, rel=ANOTHER_PROCESSOR), f"after update {number}"


if __name__ == "__main__":
    torch.set_num_threads(1)
    json.dump(seeded_run(), sys.stdout, indent=1)
    sys.stdout.write("\n")
