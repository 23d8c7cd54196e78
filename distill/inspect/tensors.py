"""The tensors of an upload as their file declares them, before any of their bytes is read."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from distill.rejection import Rejected

MOST_TENSORS = 100_000
DTYPES = {
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
}

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Upload:
    """What a file declares, and how to read its tensors, for once the declaration was found good.

    `found_in` names where in the file the weights were, `beside` what else was there.
    """

    shapes: dict[str, tuple[int, ...]]
    dtypes: dict[str, torch.dtype]
    read: Callable[[], dict[str, Tensor]]
    found_in: str | None = None
    beside: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(prod(shape) * self.dtypes[name].itemsize for name, shape in self.shapes.items())


def require_known_dtypes(dtypes: Iterable[torch.dtype]) -> None:
    """Refuse complex, quantized and eight-bit floats: a network here is built of plain numbers."""
    strange = next((dtype for dtype in dtypes if dtype not in DTYPES), None)
    if strange is not None:
        raise Rejected(
            "unsupported_dtype",
            "data",
            f"the file holds tensors of {str(strange).removeprefix('torch.')}",
            "save the weights as float32, float16 or bfloat16",
        )


def require_finite(tensors: Mapping[str, Tensor]) -> None:
    """Refuse weights that are not numbers, naming the first of them.

    Raises:
        Rejected: `not_finite`.
    """
    broken = [
        name
        for name, tensor in tensors.items()
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all())
    ]
    if broken:
        raise Rejected(
            "not_finite",
            "data",
            f"'{broken[0][:200]}' holds NaN or infinite values"
            + (f", and {len(broken) - 1} more tensors do" if len(broken) > 1 else ""),
            "the training that wrote this file diverged: upload an earlier checkpoint",
            {"keys": broken[:50]},
        )
