from functools import partial

import torch
from torch import nn

from distill.config.job import Latency
from distill.evaluate.cost import macs, times_in_turns


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


def test_calls_are_timed_in_turns_on_the_stated_threads() -> None:
    turns: list[tuple[str, int]] = []
    matrices = {"small": torch.zeros(8, 8), "large": torch.zeros(400, 400)}

    def call(name: str) -> None:
        turns.append((name, torch.get_num_threads()))
        matrices[name] @ matrices[name]

    torch.set_num_threads(2)
    times = times_in_turns({name: partial(call, name) for name in matrices}, Latency(threads=1))

    assert turns[-20:] == [("small", 1), ("large", 1)] * 10
    assert torch.get_num_threads() == 2
    small, large = (times[name].latency_ms() for name in matrices)
    assert 0 < small["p50"] <= small["p95"]
    assert small["p50"] < large["p50"]
    assert len(times["small"].calls) == len(times["small"].rounds) >= 20
