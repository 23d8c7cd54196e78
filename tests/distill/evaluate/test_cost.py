import torch
from torch import nn

from distill.config.job import Latency
from distill.evaluate.cost import latencies, macs


def test_multiply_adds_of_linear_and_convolution_are_counted_by_their_definition() -> None:
    linear = nn.Linear(10, 7)
    convolution = nn.Conv2d(3, 8, kernel_size=3, padding=1)

    assert macs(linear, torch.zeros(1, 10)) == 70
    assert macs(convolution, torch.zeros(1, 3, 5, 5)) == 3 * 8 * 9 * 25


def test_multiply_adds_of_attention_are_those_of_its_two_products() -> None:
    class Attention(nn.Module):
        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)

    batch, heads, length, width = 2, 3, 5, 7

    assert (
        macs(Attention(), torch.zeros(batch, heads, length, width)) == 2 * batch * heads * length**2 * width
    )


def test_a_network_without_memory_can_be_counted() -> None:
    with torch.device("meta"):
        network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    assert macs(network, torch.zeros(1, 1, 8, 8, device="meta")) == 640


def test_networks_are_timed_in_turns_on_the_stated_threads() -> None:
    turns: list[str] = []
    large = nn.Sequential(*[nn.Linear(512, 512) for _ in range(8)])
    both = {"small": nn.Sequential(nn.Linear(512, 4)), "large": large}
    for name, module in both.items():
        module.register_forward_pre_hook(lambda _, __, name=name: turns.append(name))
    before = torch.get_num_threads()

    times = latencies(both, torch.zeros(1, 512), Latency(threads=1))

    measured = turns[-20:]
    assert measured == ["small", "large"] * 10
    assert 0 < times["small"]["p50"] <= times["small"]["p95"]
    assert times["small"]["p50"] < times["large"]["p50"]
    assert torch.get_num_threads() == before
