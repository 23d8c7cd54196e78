"""Everything that answers and never learns: one frozen network, or a panel of several."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from distill.config.losses import OUTPUTS
from distill.config.networks import Input, Network, Preprocessing, Scale
from distill.config.tasks import TASKS, Target
from distill.layers.taps import Taps
from distill.losses.terms import Answer
from distill.models import load_network
from distill.preprocess import Inputs

Combine = Literal["mean", "weighted", "most_confident"]
ON_CLASSES: tuple[Target, ...] = ("class", "tag")


class FrozenTeacher(nn.Module):
    """A network that only answers: in eval mode, without gradients, whatever is asked of it.

    Its outputs come in the order of the dataset's labels: `order` says which output each label is.
    `sees` takes the view of the job to the one that this network was trained on, `units` its outputs
    to the space in which the job's labels are; None where they agree.
    """

    def __init__(
        self,
        network: nn.Module,
        order: Tensor | None = None,
        *,
        sees: "Affine | None" = None,
        units: "Affine | None" = None,
    ) -> None:
        super().__init__()
        self.order: Tensor | None
        self.network = network.eval().requires_grad_(False)
        self.sees = sees
        self.units = units
        self._taps = Taps(self.network, ())
        self.register_buffer("order", order, persistent=False)

    @property
    def first(self) -> "FrozenTeacher":
        """Itself: whose layers a student may take, and compare its own with."""
        return self

    def train(self, mode: bool = True) -> "FrozenTeacher":
        """A teacher is never trained: stays in eval mode."""
        return self

    def listen_to(self, layers: Sequence[str]) -> None:
        """From now on, an answer holds what these layers give, and no others."""
        self._taps.close()
        self._taps = Taps(self.network, tuple(layers))

    def forward(self, inputs: Inputs) -> Answer:
        """Outputs as the network gives them, (B, outputs) or of words (B, L, outputs), and the taps; all
        free of any graph."""
        if self.network.training:
            self.network.eval()
        with torch.inference_mode():
            outputs: Tensor = self.network(self._seen(inputs))
            taps = self._taps.take()
            if self.order is not None:
                outputs = outputs[..., self.order]
            if self.units is not None:
                outputs = self.units(outputs)
        outputs = outputs.clone()  # outside of the inference mode: autograd may keep it
        if OUTPUTS in taps:
            taps[OUTPUTS] = outputs
        return Answer(outputs, taps)

    def _seen(self, inputs: Inputs) -> Inputs:
        return inputs if self.sees is None or not isinstance(inputs, Tensor) else self.sees(inputs)


class Panel(nn.Module):
    """Several teachers that answer as one. The layers of the first are those that can be listened to."""

    def __init__(
        self,
        teachers: Sequence[FrozenTeacher],
        *,
        target: Target,
        combine: Combine = "mean",
        weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.teachers = nn.ModuleList(teachers)
        self.target: Target = target
        self.combine: Combine = combine
        self.weights = list(weights or [1.0] * len(teachers))

    @property
    def first(self) -> FrozenTeacher:
        """Whose layers a student may take, and compare its own with."""
        (first, *_) = self.teachers
        assert isinstance(first, FrozenTeacher)
        return first

    def listen_to(self, layers: Sequence[str]) -> None:
        """From now on, an answer holds what these layers of the first teacher give, and no others."""
        self.first.listen_to(layers)

    def forward(self, inputs: Inputs) -> Answer:
        """What all say together, shaped as what one says."""
        answers: list[Answer] = [teacher(inputs) for teacher in self.teachers]
        outputs = combined(
            [answer.outputs for answer in answers],
            target=self.target,
            combine=self.combine,
            weights=self.weights,
        )
        return Answer(outputs, answers[0].taps)


Teacher = FrozenTeacher | Panel


def combined(
    outputs: Sequence[Tensor], *, target: Target, combine: Combine, weights: Sequence[float]
) -> Tensor:
    """One answer out of several, each float (..., outputs).

    Of classes and tags the mean is that of the log-probabilities, so that the student sees the
    geometric mean of the distributions (Hinton et al., 2015, section 1); of everything else that of
    the outputs. `weighted` is the same with each teacher's share of the weights. `most_confident`
    takes every row from the teacher that is surest of it: by its top probability, or where several
    labels may hold by the mean probability of its decisions. Numbers and embeddings tell no confidence.
    """
    stacked = torch.stack(list(outputs))
    if target in ON_CLASSES:
        stacked = stacked.log_softmax(dim=-1)
    if combine == "mean":
        return stacked.mean(dim=0)
    if combine == "weighted":
        share = torch.tensor(weights, dtype=stacked.dtype, device=stacked.device) / sum(weights)
        return (stacked * share.view(-1, *[1] * (stacked.dim() - 1))).sum(dim=0)
    surest = _confidence(stacked, target).argmax(dim=0)
    return stacked.take_along_dim(surest[None, ..., None], dim=0).squeeze(0)


def _confidence(stacked: Tensor, target: Target) -> Tensor:
    """How sure each teacher is of each row: (teachers, ..., outputs) to (teachers, ...)."""
    if target in ON_CLASSES:
        return stacked.amax(dim=-1)
    assert target == "label_set"
    return stacked.abs().sigmoid().mean(dim=-1)


class Affine(nn.Module):
    """`values * factor + offset` along one axis, which is turned round first where `flip` says so."""

    def __init__(self, factor: Tensor, offset: Tensor, *, axis: int, flip: bool = False) -> None:
        super().__init__()
        self.factor: Tensor
        self.offset: Tensor
        self.axis = axis
        self.flip = flip
        self.register_buffer("factor", factor.float(), persistent=False)
        self.register_buffer("offset", offset.float(), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        along = [1] * values.dim()
        along[self.axis] = -1
        turned = values.flip(self.axis) if self.flip else values
        return turned * self.factor.view(along) + self.offset.view(along)


def renormalized(job: Preprocessing, own: Preprocessing, input: Input) -> Affine | None:
    """From the view of the job to that of a network of another normalization; None where they agree.

    Only scale, mean, standard deviation and the order of the channels may differ.
    """
    flip = input.kind == "image" and job.channel_order != own.channel_order
    channels = input.shape[0]
    if input.kind == "text" or (not flip and _steps(job) == _steps(own)):
        return None
    scale, mean, std = _normalization(job, channels)
    if flip:
        mean, std = mean.flip(0), std.flip(0)
    own_scale, own_mean, own_std = _normalization(own, channels)
    return Affine(
        std * own_scale / (scale * own_std),
        (mean * own_scale / scale - own_mean) / own_std,
        axis=1,
        flip=flip,
    )


def in_units_of(job: Scale | None, own: Scale | None, order: Tensor | None) -> Affine | None:
    """From the outputs of a network, already in the job's order, to the space of the job's labels.

    A network without a scale answers in the units of its labels, and so does a job that has none.
    """
    mean, std = _numbers(own, order)
    job_mean, job_std = _numbers(job, None)
    if torch.equal(mean, job_mean) and torch.equal(std, job_std):
        return None
    return Affine(std / job_std, (mean - job_mean) / job_std, axis=-1)


def label_order(teacher: Network, labels: list[str]) -> Tensor | None:
    """Which output of the teacher stands for each of these labels; None where they agree.

    Embeddings have no labels; a single number needs no name.
    """
    if TASKS[teacher.task].target == "embedding" or len(labels) == 1 or teacher.labels == labels:
        return None
    assert teacher.labels is not None
    return torch.tensor([teacher.labels.index(name) for name in labels])


def load_teachers(
    networks: Sequence[Network],
    folders: Sequence[Path],
    *,
    labels: list[str],
    preprocessing: Preprocessing,
    scale: Scale | None,
    combine: Combine = "mean",
    weights: Sequence[float] | None = None,
) -> Teacher:
    """The teacher, or the panel of them, whose files lie in `folders`, one each.

    `preprocessing` is the job's view; `scale` the space of its labels, None for their units.
    """
    loaded = []
    for network, folder in zip(networks, folders, strict=True):
        order = label_order(network, labels)
        standardized = network.model_copy(update={"scale": None})
        teacher = FrozenTeacher(
            load_network(standardized, folder),
            order,
            sees=renormalized(preprocessing, network.preprocessing, network.input),
            units=in_units_of(scale, network.scale, order),
        )
        loaded.append(teacher)
    if len(loaded) == 1:
        return loaded[0]
    return Panel(loaded, target=TASKS[networks[0].task].target, combine=combine, weights=weights)


def _steps(steps: Preprocessing) -> tuple[float, list[float], list[float]]:
    return steps.scale, steps.mean, steps.std


def _normalization(steps: Preprocessing, channels: int) -> tuple[Tensor, Tensor, Tensor]:
    """Scale, mean and standard deviation of each channel as the network sees them, float64."""

    def each(numbers: list[float]) -> Tensor:
        return torch.tensor(numbers, dtype=torch.float64).expand(max(channels, len(numbers)))

    return each([steps.scale]), each(steps.mean or [0.0]), each(steps.std or [1.0])


def _numbers(scale: Scale | None, order: Tensor | None) -> tuple[Tensor, Tensor]:
    if scale is None:
        return torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    mean, std = (torch.tensor(numbers, dtype=torch.float64) for numbers in (scale.mean, scale.std))
    return (mean, std) if order is None else (mean[order], std[order])
