"""An official ResNet file loads unmapped: torchvision's names and shapes, written down by its rule."""

import pytest

from distill import models
from distill.config.networks import Input

IMAGENET = Input(kind="image", shape=[3, 224, 224], dtype="float32")


def norm(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    parts = ("weight", "bias", "running_mean", "running_var")
    return {**{f"{name}.{part}": (channels,) for part in parts}, f"{name}.num_batches_tracked": ()}


def torchvision_resnet(layers: list[int], *, bottleneck: bool) -> dict[str, tuple[int, ...]]:
    """Names and shapes of `torchvision.models.resnet{18,34,50,101,152}().state_dict()`."""
    expansion = 4 if bottleneck else 1
    names: dict[str, tuple[int, ...]] = {"conv1.weight": (64, 3, 7, 7), **norm("bn1", 64)}
    channels = 64
    for stage, blocks in enumerate(layers):
        width = 64 * 2**stage
        for position in range(blocks):
            at = f"layer{stage + 1}.{position}"
            if bottleneck:
                kernels = [(width, channels, 1, 1), (width, width, 3, 3), (4 * width, width, 1, 1)]
            else:
                kernels = [(width, channels, 3, 3), (width, width, 3, 3)]
            for number, kernel in enumerate(kernels, start=1):
                names[f"{at}.conv{number}.weight"] = kernel
                names |= norm(f"{at}.bn{number}", kernel[0])
            if position == 0 and (stage > 0 or bottleneck):
                names[f"{at}.downsample.0.weight"] = (width * expansion, channels, 1, 1)
                names |= norm(f"{at}.downsample.1", width * expansion)
            channels = width * expansion
    return {**names, "fc.weight": (1000, channels), "fc.bias": (1000,)}


@pytest.mark.parametrize(
    ("layers", "block", "tensors", "parameters"),
    [
        ([2, 2, 2, 2], "basic", 122, 11_689_512),
        ([3, 4, 6, 3], "basic", 218, 21_797_672),
        ([3, 4, 6, 3], "bottleneck", 320, 25_557_032),
        ([3, 4, 23, 3], "bottleneck", 626, 44_549_160),
    ],
    ids=["resnet18", "resnet34", "resnet50", "resnet101"],
)
def test_a_resnet_has_the_names_shapes_and_parameters_of_torchvision(
    layers: list[int], block: str, tensors: int, parameters: int
) -> None:
    module = models.build_on_meta(
        "resnet", {"layers": layers, "block": block}, input=IMAGENET, num_outputs=1000
    )
    built = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    assert built == torchvision_resnet(layers, bottleneck=block == "bottleneck")
    assert len(built) == tensors
    assert models.parameters(module) == parameters
