"""A network that rounds computes as the 8-bit file of onnxruntime will, and its gradient passes straight."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from distill.layers.taps import Taps
from distill.rounding import LARGEST_WEIGHT, Rounding, rounded_activation, rounded_weight

NUMBERS = st.floats(-1e4, 1e4, width=32)


def limits(low: float, high: float) -> Tensor:
    return torch.tensor([low, high])


def measured(module: nn.Module, inputs: Tensor) -> Rounding:
    rounding = Rounding(module)
    with torch.no_grad(), rounding.measuring():
        module(inputs)
    return rounding


def network(*, dropout: float = 0.0) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 5, 3, bias=False),
        nn.BatchNorm2d(5),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(5, 3),
    )


IMAGES = torch.randn(20, 2, 6, 6, generator=torch.Generator().manual_seed(1))


def test_values_land_on_the_grid_that_is_worked_out_by_hand() -> None:
    """-1 to 4.1 in 255 steps of 0.02: zero is step 50."""
    values = torch.tensor([-1.0, -0.011, 0.0, 0.009, 0.011, 2.05, 4.1])

    rounded = rounded_activation(values, limits(-1.0, 4.1))

    assert torch.allclose(rounded, torch.tensor([-1.0, -0.02, 0.0, 0.0, 0.02, 2.04, 4.1]), atol=1e-6)


def test_values_beyond_the_limits_are_cut_and_zero_always_fits() -> None:
    assert rounded_activation(torch.tensor([-3.0, 9.0]), limits(-1.0, 1.55)).tolist() == pytest.approx(
        [-1.0, 1.55]
    )
    assert rounded_activation(torch.tensor([0.0, 0.5]), limits(5.0, 5.1)).tolist() == pytest.approx(
        [0.0, 0.5], abs=0.01
    )


def test_where_all_is_zero_nothing_changes() -> None:
    assert rounded_activation(torch.zeros(3), limits(0.0, 0.0)).tolist() == [0, 0, 0]


def test_each_output_of_a_weight_has_a_scale_of_its_own_and_one_of_zeros_stays() -> None:
    weight = torch.tensor([[64.0, 0.4, -10.6], [0.64, 0.004, -0.106], [0.0, 0.0, 0.0]])

    assert torch.allclose(
        rounded_weight(weight), torch.tensor([[64.0, 0.0, -11.0], [0.64, 0.0, -0.11], [0.0, 0.0, 0.0]])
    )


@given(st.lists(NUMBERS, min_size=1, max_size=30), NUMBERS, NUMBERS)
@settings(max_examples=60, deadline=None)
def test_rounding_twice_is_rounding_once_and_gives_at_most_256_values(
    values: list[float], low: float, high: float
) -> None:
    within = limits(min(low, high), max(low, high))
    once = rounded_activation(torch.tensor(values), within)
    steps = once / max((max(high, low, 0) - min(high, low, 0)) / 255, 1e-30)

    assert rounded_activation(once, within).equal(once)
    assert torch.allclose(steps, steps.round(), atol=2e-2)


@given(st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_a_weight_rounded_twice_is_rounded_once_within_half_a_step(rows: list[list[float]]) -> None:
    weight = torch.tensor(rows)
    once = rounded_weight(weight)
    step = weight.abs().amax(dim=1, keepdim=True) / LARGEST_WEIGHT

    assert torch.allclose(rounded_weight(once), once, rtol=1e-5, atol=1e-30)
    assert ((once - weight).abs() <= step * 0.5001 + 1e-30).all()


def test_rounding_before_batch_norm_is_folded_in_is_rounding_after_it() -> None:
    """A negative factor and a tiny one too: the grid of weights is symmetric."""
    generator = torch.Generator().manual_seed(2)
    weight = torch.randn(4, 3, 3, 3, generator=generator)
    factor = torch.tensor([2.0, -0.5, 1e-4, 37.0]).view(4, 1, 1, 1)

    assert torch.allclose(rounded_weight(weight) * factor, rounded_weight(weight * factor), rtol=1e-5)


def test_the_gradient_passes_straight_within_the_limits_and_not_beyond() -> None:
    values = torch.tensor([-2.0, -0.5, 0.123, 0.9, 3.0], requires_grad=True)
    rounded = rounded_activation(values, limits(-1.0, 1.0))
    torch.autograd.backward((rounded * torch.arange(1.0, 6.0)).sum())
    weight = torch.tensor([[0.3, -0.77, 1.0]], requires_grad=True)
    torch.autograd.backward((rounded_weight(weight) * torch.tensor([1.0, 2.0, 3.0])).sum())

    assert values.grad is not None
    assert values.grad.tolist() == [0, 2, 3, 4, 0]
    assert weight.grad is not None
    assert weight.grad.tolist() == [[1, 2, 3]]


def test_the_gradient_of_a_network_is_that_of_one_whose_numbers_are_the_rounded_ones() -> None:
    """The chain rule through a linear layer: by its input, and by its rounded weight."""
    layer, inputs = nn.Linear(4, 2), torch.randn(6, 4, generator=torch.Generator().manual_seed(3))
    rounding = measured(layer, inputs)
    layer.eval()
    inputs.requires_grad_()

    answer = layer(inputs)
    torch.autograd.backward(answer.square().sum())

    seen, weight = rounded_activation(inputs.detach(), rounding.ranges[0]), rounded_weight(layer.weight)
    assert torch.allclose(answer, seen @ weight.T + layer.bias)
    assert layer.weight.grad is not None
    assert inputs.grad is not None
    assert torch.allclose(layer.weight.grad, (2 * answer).T @ seen, rtol=1e-4)
    assert torch.allclose(inputs.grad, 2 * answer @ weight, rtol=1e-4)


def test_activations_are_rounded_before_layers_sums_and_means_alone() -> None:
    class Adds(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 2, 3, padding=1)

        def forward(self, images: Tensor) -> Tensor:
            summed = torch.relu(self.conv(images) + images)
            return summed.mean((2, 3)) * 0.5

    rounding = measured(Adds(), IMAGES)

    into_conv, from_conv, shortcut, into_mean = rounding.ranges
    assert into_conv.equal(torch.stack(torch.aminmax(IMAGES)))
    assert shortcut.equal(into_conv)
    assert from_conv[0] < 0
    assert into_mean[0] == 0


def test_nothing_of_the_network_changes_but_what_it_computes() -> None:
    module = network().eval()
    full, names = module(IMAGES), list(module.state_dict())
    taps = Taps(module, ["3", "6:input"])

    rounding = measured(module, IMAGES)
    rounded = module(IMAGES)

    assert not rounded.equal(full)
    assert (rounded - full).abs().max() < 0.05
    assert list(module.state_dict()) == names
    assert taps.take().keys() == {"3", "6:input"}
    rounding.close()
    assert module(IMAGES).equal(full)


def test_a_forward_that_fails_leaves_no_rounding_behind() -> None:
    module = network().eval()
    rounding = measured(module, IMAGES)
    weight = torch.randn(3, 5)
    plain = nn.functional.linear(IMAGES[0, 0, :3, :5], weight)

    with pytest.raises(RuntimeError):
        module(IMAGES[:, :1])

    assert nn.functional.linear(IMAGES[0, 0, :3, :5], weight).equal(plain)
    rounding.close()


def test_ranges_move_once_an_update_widening_at_once_and_narrowing_slowly() -> None:
    layer = nn.Linear(1, 1)
    rounding = measured(layer, torch.tensor([[-1.0], [1.0]]))
    layer.train()

    layer(torch.tensor([[-5.0], [0.5]]))
    layer(torch.tensor([[0.0], [0.25]]))
    assert rounding.ranges.tolist() == [[-1.0, 1.0]]
    rounding.settle()
    assert rounding.ranges.tolist() == [[-5.0, pytest.approx(0.95)]]

    layer.eval()
    layer(torch.tensor([[100.0]]))
    rounding.settle()
    assert rounding.ranges.tolist() == [[-5.0, pytest.approx(0.95)]]


def test_what_overflowed_widens_no_range() -> None:
    layer = nn.Linear(1, 1)
    rounding = measured(layer, torch.tensor([[-1.0], [1.0]]))
    layer.train()

    layer(torch.tensor([[torch.inf], [torch.nan]]))
    rounding.settle()

    assert rounding.ranges.tolist() == [[-1.0, 1.0]]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_network_in_half_precision_rounds_to_about_the_same(dtype: Any) -> None:
    module = network().eval()
    rounding = measured(module, IMAGES)
    full = module(IMAGES)

    with torch.autocast("cpu", dtype=dtype):
        half = module(IMAGES)

    assert (half.float() - full).abs().max() < 0.05
    rounding.close()


def quantized_by_onnxruntime(values: np.ndarray[Any, Any], low: float, high: float) -> Tensor:
    """QuantizeLinear and DequantizeLinear, with the scale and zero point that onnxruntime computes."""
    import onnxruntime
    from onnx import TensorProto, helper
    from onnxruntime.quantization.quant_utils import compute_scale_zp

    zero, scale = compute_scale_zp(
        np.float32(min(low, 0)), np.float32(max(high, 0)), np.array(-128, np.int8), np.array(127, np.int8)
    )
    graph = helper.make_graph(
        [
            helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
            helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"]),
        ],
        "grid",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])],
        [
            helper.make_tensor("scale", TensorProto.FLOAT, [], [float(scale)]),
            helper.make_tensor("zero", TensorProto.INT8, [], [int(zero)]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return torch.from_numpy(session.run(None, {"x": values})[0])


@pytest.mark.parametrize(("low", "high"), [(-1.0, 3.0), (0.0, 17.3), (-0.02, 0.001), (2.0, 9.0)])
def test_the_grid_is_that_of_onnxruntime(low: float, high: float) -> None:
    values = np.linspace(low - 1, high + 1, 1001, dtype=np.float32)

    mine = rounded_activation(torch.from_numpy(values), limits(low, high))
    theirs = quantized_by_onnxruntime(values, low, high)

    step = max((max(high, 0) - min(low, 0)) / 255, 1e-9)
    same = (mine - theirs).abs() < step / 1000
    assert same.float().mean() > 0.99  # at a tie, a last bit of the division decides
    assert (mine - theirs).abs().max() < step * 1.001


@pytest.mark.parametrize("rounds", [rounded_weight, lambda values: rounded_activation(values, limits(-1, 1))])
def test_half_precision_goes_in_and_float32_comes_out(rounds: Callable[[Tensor], Tensor]) -> None:
    assert rounds(torch.randn(2, 3).bfloat16()).dtype == torch.float32
