"""What a network costs: parameters, multiply-adds, bytes and milliseconds."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from distill.config.job import Latency
from distill.preprocess import Inputs

WARM_UP = 5
LEAST_ROUNDS, MOST_ROUNDS = 20, 200
BUDGET_S = 2.0


def macs(module: nn.Module, inputs: Inputs) -> int:
    """Multiply-adds of one forward pass in matrix products, convolutions and attention."""
    counter = _MultiplyAdds()
    with torch.no_grad(), counter:
        module(inputs)
    return counter.count


class _MultiplyAdds(TorchFunctionMode):
    """Counts while networks run, on any device, meta included. (Torch's own counter takes seconds to
    load, which would come before the first update of every job.)"""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        if isinstance(output, Tensor):
            self.count += _multiply_adds(func, args, output)
        return output


def _multiply_adds(func: Any, args: Sequence[Any], output: Tensor) -> int:
    if func in (F.linear, torch.matmul, torch.bmm, torch.mm, Tensor.matmul, Tensor.__matmul__):
        return output.numel() * int(args[0].shape[-1])
    if func in (F.conv1d, F.conv2d):
        return output.numel() * int(args[1][0].numel())
    if func is F.scaled_dot_product_attention:
        query, key = args[0], args[1]
        return int(query.shape[:-1].numel() * key.shape[-2] * (query.shape[-1] + output.shape[-1]))
    return 0


def latencies(
    modules: Mapping[str, nn.Module], inputs: Inputs, target: Latency
) -> dict[str, dict[str, float]]:
    """`{p50, p95}` in milliseconds of each network on the CPU, taken in turns.

    In turns, so that whatever else the machine does meets all of them alike.
    """
    taken: dict[str, list[float]] = {name: [] for name in modules}
    threads = torch.get_num_threads()
    torch.set_num_threads(target.threads)
    try:
        with torch.inference_mode():
            for module in modules.values():
                for _ in range(WARM_UP):
                    module(inputs)
            end = time.perf_counter() + BUDGET_S
            for round_number in range(MOST_ROUNDS):
                if round_number >= LEAST_ROUNDS and time.perf_counter() > end:
                    break
                for name, module in modules.items():
                    start = time.perf_counter()
                    module(inputs)
                    taken[name].append((time.perf_counter() - start) * 1000)
    finally:
        torch.set_num_threads(threads)
    quantiles = torch.tensor([0.5, 0.95], dtype=torch.float64)
    result = {}
    for name, times in taken.items():
        p50, p95 = torch.tensor(times, dtype=torch.float64).quantile(quantiles).tolist()
        result[name] = {"p50": p50, "p95": p95}
    return result
