"""A network in training that computes as its 8-bit export will: fake quantization.

Imitated is the static scheme of onnxruntime, which is that of Jacob et al. (2018), section 2:

- Weights of convolutions and linear layers are rounded to whole numbers from -64 to 64, each output channel
  with a scale of its own. (With 8 bits, sums overflow on processors without VNNI.) An export folds the
  batch norm that follows a convolution into these weights, which multiplies each output channel by a
  number; the scale of the channel takes the same factor, so that what is rounded before folding is what is
  rounded after it.
- Activations are rounded to 8 bits with one scale and one zero point a tensor: where they enter a
  convolution, a linear layer, a sum or a mean. A ReLU before such a place is part of it, because the range
  then begins at zero. Neither what preprocessing does is rounded, nor the answer.
- The gradient passes straight through a value in its range, and is zero outside.

Biases stay as they are: an export gives them 32 bits. That a student learns from a teacher while it is
rounded is quantized distillation (Polino et al., 2018, section 3; Mishra and Marr, 2018, scheme C).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

LARGEST_WEIGHT = 64
LARGEST_ACTIVATION = 255
NARROWS_BY = 0.1
"""What part of the way a range goes in one update to the narrower one of that update."""

_TAKES_WEIGHTS: frozenset[Callable[..., Any]] = frozenset({F.conv1d, F.conv2d, F.linear})
_ADDS: frozenset[Callable[..., Any]] = frozenset({torch.add, Tensor.add})
_AVERAGES: frozenset[Callable[..., Any]] = frozenset(
    {torch.mean, Tensor.mean, F.adaptive_avg_pool2d, F.avg_pool2d}
)


def rounded_weight(weight: Tensor) -> Tensor:
    """A weight (outputs, ...) as the export holds it, float32: a scale for each output, symmetric around
    zero."""
    weight = weight.float()
    largest = weight.detach().abs().amax(dim=tuple(range(1, weight.dim())))
    scale = _usable(largest / LARGEST_WEIGHT)
    zero = torch.zeros_like(scale, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -LARGEST_WEIGHT, LARGEST_WEIGHT)


def rounded_activation(values: Tensor, limits: Tensor) -> Tensor:
    """Values as 8 bits hold them, float32; `limits` (2,) are the least and the largest that fit, and zero
    always does."""
    low, high = limits[0].clamp(max=0), limits[1].clamp(min=0)
    scale = _usable((high - low) / LARGEST_ACTIVATION)
    zero = (-low / scale).round().clamp(0, LARGEST_ACTIVATION).to(torch.int32)
    return torch.fake_quantize_per_tensor_affine(values.float(), scale, zero, 0, LARGEST_ACTIVATION)


def _usable(scale: Tensor) -> Tensor:
    """The same, 1 where all is zero: as onnxruntime has it."""
    return torch.where(scale < torch.finfo(scale.dtype).tiny, 1.0, scale)


class Rounding:
    """Makes `module` compute rounded until `close`; its class, weights and layers stay what they are.

    `ranges` float32 (places, 2) are the least and the largest value of each place where an activation is
    rounded, in the order in which a forward pass comes by them. In training every forward takes note of
    what it sees; `settle`, once an update, moves the ranges: an activation beyond its range widens it at
    once, as it does where an export is calibrated, and a narrower one narrows it by and by.
    """

    def __init__(self, module: nn.Module) -> None:
        device = next(module.parameters()).device
        self.ranges = torch.empty(0, 2, device=device)
        self._module = module
        self._seen: list[Tensor] = []
        self._measures = False
        self._pass = _Pass(self)
        self._open = ExitStack()
        self._handles = [
            module.register_forward_pre_hook(self._begin),
            module.register_forward_hook(self._end, always_call=True),
        ]

    def close(self) -> None:
        """Leave the network as it was before."""
        for handle in self._handles:
            handle.remove()

    @torch.no_grad()
    def settle(self) -> None:
        """An update is over: take what its forwards saw into the ranges."""
        if not self._seen:
            return
        seen, kept = torch.stack(self._seen), self.ranges
        self._seen = []
        seen = torch.where(seen.isfinite(), seen, kept)
        moved = torch.lerp(kept, seen, NARROWS_BY)
        self.ranges = torch.stack(
            [torch.minimum(seen[:, 0], moved[:, 0]), torch.maximum(seen[:, 1], moved[:, 1])], dim=1
        )

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """The network computes in full meanwhile; afterwards the ranges are those that were seen."""
        self._measures, self._seen = True, []
        yield
        self._measures = False
        self.ranges, self._seen = torch.stack(self._seen), []

    def activation(self, place: int, values: Tensor) -> Tensor:
        """The values that come by a place, rounded."""
        if self._measures or self._module.training:
            self._note(place, values.detach())
        return values if self._measures else rounded_activation(values, self.ranges[place])

    def weight(self, weight: Tensor) -> Tensor:
        """A weight, rounded."""
        return weight if self._measures else rounded_weight(weight)

    def _note(self, place: int, values: Tensor) -> None:
        limits = torch.stack(torch.aminmax(values)).float()
        if place == len(self._seen):
            self._seen.append(limits)
        else:
            low, high = self._seen[place]
            self._seen[place] = torch.stack([torch.minimum(low, limits[0]), torch.maximum(high, limits[1])])

    def _begin(self, _module: nn.Module, _inputs: Any) -> None:
        self._open.enter_context(self._pass.from_the_first_place())

    def _end(self, _module: nn.Module, _inputs: Any, _outputs: Any) -> None:
        self._open.close()


class _Pass(TorchFunctionMode):
    """One forward pass: counts the places that it comes by."""

    def __init__(self, rounding: Rounding) -> None:
        super().__init__()
        self._rounding = rounding
        self._place = 0

    def from_the_first_place(self) -> Self:
        """A new forward begins."""
        self._place = 0
        return self

    def activation(self, values: Tensor) -> Tensor:
        """The values that come by the next place, rounded."""
        place, self._place = self._place, self._place + 1
        return self._rounding.activation(place, values)

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _TAKES_WEIGHTS:
            values, weight, *others = args
            return func(self.activation(values), self._rounding.weight(weight), *others, **kwargs)
        if func in _ADDS or func in _AVERAGES:
            args = [self.activation(each) if isinstance(each, Tensor) else each for each in args]
        return func(*args, **kwargs)
