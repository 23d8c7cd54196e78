"""What a network costs: parameters, multiply-adds, bytes and milliseconds."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Times:
    """Milliseconds of the calls of each round, in their order."""

    rounds: tuple[tuple[float, ...], ...]

    @property
    def calls(self) -> list[float]:
        """Of all rounds. The same place is the same moment of all that were timed in turns."""
        return [call for turn in self.rounds for call in turn]

    def latency_ms(self) -> dict[str, float]:
        """`{p50, p95}` over all calls."""
        calls = torch.tensor(self.calls, dtype=torch.float64)
        p50, p95 = calls.quantile(torch.tensor([0.5, 0.95], dtype=torch.float64)).tolist()
        return {"p50": p50, "p95": p95}


def times_in_turns(calls: Mapping[str, Callable[[], object]], target: Latency) -> dict[str, Times]:
    """How long each call takes on the threads of the target, one a round.

    In turns, so that whatever else the machine does meets all of them alike.
    """
    taken: dict[str, list[tuple[float, ...]]] = {name: [] for name in calls}
    threads = torch.get_num_threads()
    torch.set_num_threads(target.threads)
    try:
        with torch.inference_mode():
            for call in calls.values():
                for _ in range(WARM_UP):
                    call()
            end = time.perf_counter() + BUDGET_S
            for round_number in range(MOST_ROUNDS):
                if round_number >= LEAST_ROUNDS and time.perf_counter() > end:
                    break
                for name, call in calls.items():
                    start = time.perf_counter()
                    call()
                    taken[name].append(((time.perf_counter() - start) * 1000,))
    finally:
        torch.set_num_threads(threads)
    return {name: Times(tuple(rounds)) for name, rounds in taken.items()}
