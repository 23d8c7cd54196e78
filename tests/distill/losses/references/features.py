"""Losses between feature maps of shape (batch, channels, height, width)."""

import math

import numpy as np

from tests.distill.losses.references.probabilities import Array


def hint(student_BCHW: Array, teacher_BCHW: Array) -> float:
    """Romero et al. (2015), equation 3, as a mean over all entries instead of half a sum."""
    return float(((student_BCHW - teacher_BCHW) ** 2).sum() / student_BCHW.size)


def attention_transfer(student_BCHW: Array, teacher_BDHW: Array) -> float:
    """Zagoruyko and Komodakis (2017), section 3.1 with p = 2, as their code has it.

    Maps of squared activation, mean over channels, flattened and brought to length 1; mean of the
    squared differences (equation 2 takes the length of the difference instead). Of two sizes, the
    larger feature is pooled to the smaller first; both are squares then.
    """
    size = min(student_BCHW.shape[2], teacher_BDHW.shape[2])
    if student_BCHW.shape[2] != teacher_BDHW.shape[2]:
        student_BCHW, teacher_BDHW = _pooled(student_BCHW, size), _pooled(teacher_BDHW, size)
    ours, theirs = _attention(student_BCHW), _attention(teacher_BDHW)
    return float(((ours - theirs) ** 2).sum() / ours.size)


def _attention(feature_BCHW: Array) -> Array:
    maps = [sum(channel**2 for channel in example).ravel() / len(example) for example in feature_BCHW]
    return np.array([flat / math.sqrt(flat @ flat) for flat in maps])


def review(student_BCHW: Array, teacher_BCHW: Array) -> float:
    """Chen et al. (2021), section 3.3, HCL: the hierarchical context loss of one pair of features.

    Squared errors at full size and pooled to 4, 2 and 1 where that is smaller than the height, with
    weights 1, 1/2, 1/4, 1/8 in the order of use, over their sum (the weights are their code's).
    """
    loss, weight, weights = hint(student_BCHW, teacher_BCHW), 1.0, 1.0
    for size in (4, 2, 1):
        if size < student_BCHW.shape[2]:
            weight /= 2
            weights += weight
            loss += weight * hint(_pooled(student_BCHW, size), _pooled(teacher_BCHW, size))
    return loss / weights


def _pooled(feature_BCHW: Array, size: int) -> Array:
    """The means of size x size windows that cover the map; where they do not divide it, they overlap."""
    batch, channels, height, width = feature_BCHW.shape
    pooled = np.empty((batch, channels, size, size))
    for i in range(size):
        for j in range(size):
            top, bottom = i * height // size, math.ceil((i + 1) * height / size)
            left, right = j * width // size, math.ceil((j + 1) * width / size)
            pooled[:, :, i, j] = feature_BCHW[:, :, top:bottom, left:right].mean(axis=(2, 3))
    return pooled
