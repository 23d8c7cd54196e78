import json
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from distill.config.schedules import Weight, WeightOfShare, WeightRamp
from distill.losses.gradients import MOST, AutoWeights, gradient_norms, shares
from distill.losses.terms import Pace, Term

PACE = Pace(steps=10, steps_of_epoch=5.0)
norms = st.floats(0.1, 100)


def term(kind: str, weight: Weight, loss: Callable[..., Tensor] = lambda _: torch.zeros(())) -> Term:
    return Term(kind, weight, loss)


def auto(kind: str, share: float) -> Term:
    return term(kind, WeightOfShare(kind="auto", share=share))


def test_the_norm_of_a_term_is_that_of_its_gradient_at_all_parameters() -> None:
    first, second = nn.Parameter(torch.tensor([3.0])), nn.Parameter(torch.tensor([1.0, 1.0]))
    losses = {"both": 3 * first.sum() + 4 * second[0], "one": 2 * first.sum(), "none": torch.tensor(5.0)}

    measured = gradient_norms(losses, [first, second])

    assert measured == {"both": 5.0, "one": 2.0, "none": 0.0}


def test_measuring_leaves_the_graph_and_the_gradients_to_the_update() -> None:
    parameter = nn.Parameter(torch.tensor([2.0]))
    loss = (parameter**2).sum()

    gradient_norms({"square": loss}, [parameter])

    assert parameter.grad is None
    torch.autograd.backward(loss)
    assert parameter.grad is not None


def test_a_term_that_does_not_reach_the_students_parameters_has_no_gradient_there() -> None:
    parameter, projector = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))

    assert gradient_norms({"hint": projector.sum()}, [parameter]) == {"hint": 0.0}


def test_shares_follow_weights_and_norms_and_add_up_to_one() -> None:
    assert shares({"a": 2.0, "b": 0.5}, {"a": 3.0, "b": 4.0}) == {"a": 0.75, "b": 0.25}


def test_a_term_of_no_weight_has_no_share() -> None:
    assert shares({"a": 2.0, "b": 0.5}, {"a": 3.0, "b": 0.0}) == {"a": 1.0}


@pytest.mark.parametrize("norm", [0.0, float("inf"), float("nan")])
def test_there_are_no_shares_of_no_gradient_or_of_one_without_end(norm: float) -> None:
    assert shares({"a": norm}, {"a": 1.0}) == {}


@given(fixed=norms, first=norms, second=norms, weight=st.floats(0.01, 100))
def test_auto_weights_hold_their_shares_whatever_the_gradients_are(
    fixed: float, first: float, second: float, weight: float
) -> None:
    terms = [term("hard_target", weight), auto("soft_target", 0.6), auto("hint", 0.1)]
    measured = {"hard_target": fixed, "soft_target": first, "hint": second}
    balance = AutoWeights()

    balance.observe(measured)
    weights = balance.weights(terms, 1, PACE)

    assert weights["hard_target"] == weight
    assert shares(measured, weights) == pytest.approx({"hard_target": 0.3, "soft_target": 0.6, "hint": 0.1})


def test_auto_weights_hold_their_share_while_gradients_change_size() -> None:
    terms, balance = [term("hard_target", 0.1), auto("soft_target", 0.5)], AutoWeights()

    for measurement in range(100):
        now = {"hard_target": 1.0, "soft_target": 1.0 if measurement < 50 else 8.0}
        balance.observe(now)

    assert shares(now, balance.weights(terms, 1, PACE))["soft_target"] == pytest.approx(0.5, abs=0.01)


def test_auto_weights_follow_weights_that_are_given_as_these_move() -> None:
    moving = WeightRamp(kind="linear", start=1.0, end=3.0)
    terms, balance = [term("hard_target", moving), auto("soft_target", 0.5)], AutoWeights()

    balance.observe({"hard_target": 2.0, "soft_target": 1.0})

    assert balance.weights(terms, 1, PACE) == {"hard_target": 1.0, "soft_target": 2.0}
    assert balance.weights(terms, 10, PACE) == {"hard_target": 3.0, "soft_target": 6.0}


def test_an_auto_weight_is_one_until_it_has_a_gradient_beside_another() -> None:
    terms, balance = [term("hard_target", 0.1), auto("soft_target", 0.5)], AutoWeights()

    assert balance.weights(terms, 1, PACE) == {"hard_target": 0.1, "soft_target": 1.0}

    balance.observe({"hard_target": 0.0, "soft_target": 3.0})  # no label in the first batch

    assert balance.weights(terms, 2, PACE) == {"hard_target": 0.1, "soft_target": 1.0}


def test_a_first_batch_without_labels_counts_no_more_than_another() -> None:
    terms, balance = [term("hard_target", 1.0), auto("soft_target", 0.5)], AutoWeights()

    for hard in (0.0, 2.0, 2.0, 0.0):
        balance.observe({"hard_target": hard, "soft_target": 1.0})

    assert balance.weights(terms, 4, PACE)["soft_target"] == pytest.approx(1.0)


def test_a_term_that_has_nothing_left_to_teach_is_not_raised_without_end() -> None:
    terms, balance = [term("hard_target", 1.0), auto("soft_target", 0.5)], AutoWeights()

    balance.observe({"hard_target": 2.0, "soft_target": 1e-12})

    assert balance.weights(terms, 1, PACE) == {"hard_target": 1.0, "soft_target": MOST}


def test_a_step_that_overflowed_moves_no_weight() -> None:
    terms, balance = [term("hard_target", 1.0), auto("soft_target", 0.5)], AutoWeights()
    balance.observe({"hard_target": 2.0, "soft_target": 1.0})
    before = balance.weights(terms, 2, PACE)

    balance.observe({"hard_target": 2.0, "soft_target": float("inf")})

    assert balance.weights(terms, 2, PACE) == before


def test_auto_weights_go_on_from_their_state_bit_for_bit() -> None:
    terms, unbroken = [term("hard_target", 0.3), auto("soft_target", 0.7)], AutoWeights()
    unbroken.observe({"hard_target": 0.1, "soft_target": 0.7})
    resumed = AutoWeights()

    resumed.restore(json.loads(json.dumps(unbroken.state())))
    for balance in (unbroken, resumed):
        balance.observe({"hard_target": 1 / 3, "soft_target": 0.2})

    assert resumed.weights(terms, 2, PACE) == unbroken.weights(terms, 2, PACE)
