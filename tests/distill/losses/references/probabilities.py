"""Distributions over classes, and how far one is from another."""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def softmax(logits_C: Array, temperature: float = 1.0) -> Array:
    """Hinton et al. (2015), equation 1: q_i = exp(z_i / T) / sum_j exp(z_j / T)."""
    powers = np.array([math.exp(z / temperature) for z in logits_C])
    return powers / powers.sum()


def softmax_rows(logits_BC: Array, temperature: float = 1.0) -> Array:
    return np.array([softmax(row, temperature) for row in logits_BC])


def kl(p: Array, q: Array) -> float:
    """Kullback and Leibler: the sum of p log(p / q) over all outcomes; an impossible one adds nothing."""
    return float(sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0))


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))
