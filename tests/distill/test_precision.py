from typing import Any

import pytest
import torch

from distill.config.training import Training
from distill.precision import FIRST_SCALE, GROWS_AFTER, LossScale, reduced_precision
from distill.train import train
from tests.distill.clouds import learner, lesson, network, weights

HALF = Training(steps=1, precision="fp16")
FULL = Training(steps=1, precision="fp32")


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [
        ("auto", torch.float32),
        ("fp32", torch.float32),
        ("bf16", torch.bfloat16),
        ("fp16", torch.float16),
    ],
)
def test_matrix_products_run_in_the_precision_that_the_job_asks_for(
    precision: Any, dtype: torch.dtype
) -> None:
    one = torch.ones(2, 2)

    with reduced_precision(Training(steps=1, precision=precision), torch.device("cpu")):
        assert (one @ one).dtype == dtype


def test_losses_are_counted_in_full_whatever_the_networks_ran_in() -> None:
    taught = lesson(Training(steps=4, batch_size=16, precision="bf16"))
    exact = lesson(Training(steps=4, batch_size=16, precision="fp32"))

    losses, in_full = (
        torch.stack([step.losses for step in train(each, learner(each))]) for each in (taught, exact)
    )

    assert not losses.equal(in_full)
    torch.testing.assert_close(losses, in_full, rtol=0.05, atol=0.02)


def test_a_scaled_loss_gives_the_same_update() -> None:
    """A power of two takes no digit from a number that is not at the end of its range."""
    taught = lesson(Training(steps=6, batch_size=16, max_grad_norm=0.1))
    plain, scaled = learner(taught), learner(taught, network())
    scaled.scale = LossScale(HALF)
    torch.manual_seed(0)
    list(train(taught, plain))
    torch.manual_seed(0)

    list(train(taught, scaled))

    assert weights(plain.module) == weights(scaled.module)


def test_gradients_that_are_too_small_for_float16_survive() -> None:
    found = []
    for scale in (LossScale(FULL), LossScale(HALF)):
        weight = torch.tensor(1.0, requires_grad=True)
        loss = weight.half().float() * 1e-8
        (gradient,) = torch.autograd.grad(scale.lifted(loss), [weight])
        assert scale.bring_down([gradient])
        found.append(gradient.item())

    assert found == [0.0, pytest.approx(1e-8, rel=1e-2)]


def test_an_update_whose_gradient_overflows_is_left_out_and_the_scale_halved() -> None:
    taught = lesson(Training(steps=2, batch_size=16))
    student = learner(taught)
    student.scale = LossScale(HALF)
    before = [weight.clone() for weight in student.module.parameters()]

    for weight in student.module.parameters():
        weight.grad = torch.full_like(weight, torch.inf)
    student.update(0.1, max_grad_norm=None)

    assert student.step == 1
    assert student.scale.factor == FIRST_SCALE / 2
    assert all(old.equal(new) for old, new in zip(before, student.module.parameters(), strict=True))


def test_the_scale_doubles_after_many_updates_that_went_well_and_counts_anew_after_one_that_did_not() -> None:
    scale, good, bad = LossScale(HALF), [torch.zeros(1)], [torch.tensor([torch.nan])]

    for _ in range(GROWS_AFTER - 1):
        scale.bring_down(good)
    assert scale.factor == FIRST_SCALE
    scale.bring_down(good)
    assert scale.factor == 2 * FIRST_SCALE

    assert not scale.bring_down(bad)
    for _ in range(GROWS_AFTER - 1):
        scale.bring_down(good)
    assert scale.factor == FIRST_SCALE


def test_a_restored_scale_goes_on_counting() -> None:
    first, second = LossScale(HALF), LossScale(HALF)
    for _ in range(GROWS_AFTER - 1):
        first.bring_down([torch.zeros(1)])
    second.restore(first.state())

    second.bring_down([torch.zeros(1)])

    assert second.factor == 2 * FIRST_SCALE


def test_in_every_other_precision_there_is_no_scale() -> None:
    scale, loss = LossScale(FULL), torch.tensor(3.0)

    assert scale.lifted(loss) is loss
    assert scale.bring_down([torch.tensor([torch.inf])])
    assert scale.factor == 1.0
