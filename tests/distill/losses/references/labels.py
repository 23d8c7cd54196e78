"""Losses of targets that are no single class: sets of labels, and numbers."""

import math

import numpy as np

from tests.distill.losses.references.probabilities import Array, kl, sigmoid


def binary_target(student_BC: Array, labels_BC: Array) -> float:
    """Bishop (2006), equation 4.90: -[y log p + (1 - y) log(1 - p)], mean over labeled rows and classes.

    A row of -1 has no labels.
    """
    surprises = [
        -math.log(sigmoid(z)) if y == 1 else -math.log(1 - sigmoid(z))
        for logits, labels in zip(student_BC, labels_BC, strict=True)
        for z, y in zip(logits, labels, strict=True)
        if y >= 0
    ]
    return sum(surprises) / len(surprises) if surprises else 0.0


def binary_soft_target(student_BC: Array, teacher_BC: Array, temperature: float) -> float:
    """Hinton et al. (2015), section 2, of one coin for each class.

    T^2 * KL(Bernoulli of the teacher || Bernoulli of the student), mean over rows and classes.
    """
    divergences = []
    for s, t in zip(student_BC.ravel(), teacher_BC.ravel(), strict=True):
        q, p = sigmoid(s / temperature), sigmoid(t / temperature)
        divergences.append(kl(np.array([p, 1 - p]), np.array([q, 1 - q])))
    return temperature**2 * sum(divergences) / len(divergences)


def squared_error(student_BN: Array, labels_BN: Array) -> float:
    """Bishop (2006), equation 1.2, as a mean over labeled rows and outputs; a row of NaN has no label."""
    squares = [
        (z - y) ** 2
        for student, label in zip(student_BN, labels_BN, strict=True)
        for z, y in zip(student, label, strict=True)
        if not math.isnan(y)
    ]
    return float(sum(squares) / len(squares)) if squares else 0.0
