"""Losses between the layers of transformers, over real tokens alone.

Shapes: B batch, L tokens, D features of a token, A attention heads. `mask` is bool (B, L), True where
a token is no padding. A pair of tokens is real where both are; heads that do not match each other
are brought to one number first.
"""

from math import sqrt
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from distill.losses.features import require_one_shape
from distill.losses.numerics import at_least_float32, unit


def hidden_state_loss(
    student_BLD: Tensor, teacher_BLD: Tensor, mask_BL: Tensor, *, form: Literal["mse", "cosine"]
) -> Tensor:
    """How far the states of the tokens are from each other, mean over the real tokens.

    `mse`: the squared difference, mean over the features (Jiao et al., 2020, section 3.1).
    `cosine`: 1 - cosine of the two states (Sanh et al., 2019, section 2).

    Raises:
        ValueError: the shapes differ; a projector has to make them equal first.
    """
    require_one_shape(student_BLD, teacher_BLD)
    student_BLD, teacher_BLD = at_least_float32(student_BLD), at_least_float32(teacher_BLD)
    if form == "mse":
        return _mean_where(mask_BL, (student_BLD - teacher_BLD).square().mean(dim=-1))
    return _mean_where(mask_BL, 1 - (unit(student_BLD) * unit(teacher_BLD)).sum(dim=-1))


def attention_map_loss(
    student_BALL: Tensor,
    teacher_BALL: Tensor,
    mask_BL: Tensor,
    *,
    form: Literal["scores", "probabilities"],
) -> Tensor:
    """How differently the heads attend, from their scores QK'/sqrt(d) before mask and softmax.

    `scores`: the squared difference of the scores, mean over the heads and the real pairs (Jiao et al.,
    2020, section 3.1). `probabilities`: KL(teacher || student) of the softmax over the real
    keys, mean over the heads and the real queries (Wang et al., 2020, section 3.1).

    Raises:
        ValueError: the shapes differ, as where student and teacher have another number of heads.
    """
    require_one_shape(student_BALL, teacher_BALL)
    if form == "probabilities":
        return _kl_of_real_queries(student_BALL, teacher_BALL, mask_BL)
    student_BALL, teacher_BALL = at_least_float32(student_BALL), at_least_float32(teacher_BALL)
    pairs_BLL = mask_BL.unsqueeze(-1) & mask_BL.unsqueeze(-2)
    return _mean_where(pairs_BLL, (student_BALL - teacher_BALL).square().mean(dim=1))


def value_relation_loss(student_BALD: Tensor, teacher_BALE: Tensor, mask_BL: Tensor) -> Tensor:
    """KL(teacher || student) of softmax(VV'/sqrt(d)), the relation of each real token's value to those
    of all, mean over the heads and the real tokens (Wang et al., 2020, section 3.2).

    The sizes of a head, D and E, may differ. Their number may not.

    Raises:
        ValueError: student and teacher have another number of heads.
    """
    return _kl_of_real_queries(_relation(student_BALD), _relation(teacher_BALE), mask_BL)


def _relation(values_BALD: Tensor) -> Tensor:
    values_BALD = at_least_float32(values_BALD)
    return values_BALD @ values_BALD.transpose(-1, -2) / sqrt(values_BALD.shape[-1])


def _kl_of_real_queries(student_BALL: Tensor, teacher_BALL: Tensor, mask_BL: Tensor) -> Tensor:
    require_one_shape(student_BALL, teacher_BALL)
    student_log_p_BALL = _log_attention(student_BALL, mask_BL)
    teacher_log_p_BALL = _log_attention(teacher_BALL, mask_BL)
    kl_BALL = F.kl_div(student_log_p_BALL, teacher_log_p_BALL, reduction="none", log_target=True)
    return _mean_where(mask_BL, kl_BALL.sum(dim=-1).mean(dim=1))


def _log_attention(scores_BALL: Tensor, mask_BL: Tensor) -> Tensor:
    """Log-probabilities of the keys. That of padding is low but finite: nothing times it is nothing."""
    scores_BALL = at_least_float32(scores_BALL)
    lowest = torch.finfo(scores_BALL.dtype).min / 2
    return F.log_softmax(scores_BALL.masked_fill(~mask_BL[:, None, None, :], lowest), dim=-1)


def _mean_where(real: Tensor, loss: Tensor) -> Tensor:
    """The mean of `loss` where `real`, both of one shape; zero where nothing is."""
    return loss.where(real, 0.0).sum() / real.sum().clamp(min=1)
