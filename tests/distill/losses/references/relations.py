"""Losses between the relations of the examples of a batch: embeddings of shape (batch, features)."""

import math
from itertools import product

import numpy as np

from tests.distill.losses.references.probabilities import Array


def relational(student_BD: Array, teacher_BE: Array, distance_weight: float, angle_weight: float) -> float:
    """Park et al. (2019), sections 3.2.1 and 3.2.2, as means over all pairs and triplets as in their code."""
    batch = len(student_BD)
    pairs = list(product(range(batch), repeat=2))
    ours, theirs = _relative_distances(student_BD), _relative_distances(teacher_BE)
    distance = sum(_huber(ours[pair], theirs[pair]) for pair in pairs) / len(pairs)
    triplets = list(product(range(batch), repeat=3))
    angle = sum(_huber(_angle(student_BD, *ijk), _angle(teacher_BE, *ijk)) for ijk in triplets)
    return distance_weight * distance + angle_weight * angle / len(triplets)


def _relative_distances(embedding_BD: Array) -> dict[tuple[int, int], float]:
    """psi_D = |t_i - t_j| / mu, where mu is the mean distance of different points."""
    pairs = product(range(len(embedding_BD)), repeat=2)
    distances = {(i, j): float(np.linalg.norm(embedding_BD[i] - embedding_BD[j])) for i, j in pairs}
    apart = [distance for distance in distances.values() if distance > 0]
    return {pair: distance / (sum(apart) / len(apart)) for pair, distance in distances.items()}


def _angle(embedding_BD: Array, i: int, j: int, k: int) -> float:
    """psi_A = <e_ij, e_kj>: the cosine of the angle at j between i and k; 0 where a side has no length."""
    e, f = embedding_BD[i] - embedding_BD[j], embedding_BD[k] - embedding_BD[j]
    if i == j or k == j:
        return 0.0
    return float(e @ f / (np.linalg.norm(e) * np.linalg.norm(f)))


def _huber(x: float, y: float) -> float:
    """l_delta: half the square within 1, else the distance less a half."""
    return (x - y) ** 2 / 2 if abs(x - y) <= 1 else abs(x - y) - 0.5


def similarity(student_BD: Array, teacher_BE: Array) -> float:
    """Tung and Mori (2019), section 3.1: Gram matrices, rows of length 1, over B^2."""
    batch = len(student_BD)

    def normalized(embedding_BD: Array) -> Array:
        gram = np.array([[a @ b for b in embedding_BD] for a in embedding_BD])
        return np.array([row / math.sqrt(row @ row) for row in gram])

    return float(((normalized(teacher_BE) - normalized(student_BD)) ** 2).sum() / batch**2)


def probabilistic_transfer(student_BD: Array, teacher_BE: Array) -> float:
    """Passalis and Tefas (2018), section 3.1: KL of conditional probabilities by cosine kernel.

    As in their code a mean over the B^2 entries, 1e-7 beside lengths and probabilities.
    """
    q, p = _affinities(student_BD), _affinities(teacher_BE)
    terms = [t * math.log((t + 1e-7) / (s + 1e-7)) for s, t in zip(q.ravel(), p.ravel(), strict=True)]
    return sum(terms) / len(terms)


def _affinities(embedding_BD: Array) -> Array:
    """K = (cosine + 1) / 2, each row divided by its sum."""
    lengths = [math.sqrt(a @ a) + 1e-7 for a in embedding_BD]
    kernel = np.array(
        [
            [(a @ b / (m * n) + 1) / 2 for b, n in zip(embedding_BD, lengths, strict=True)]
            for a, m in zip(embedding_BD, lengths, strict=True)
        ]
    )
    return kernel / kernel.sum(axis=1, keepdims=True)


def correlation(student_BD: Array, teacher_BE: Array, gamma: float) -> float:
    """Peng et al. (2019), section 3.2: squared distance of both correlation matrices, over B^2."""
    batch = len(student_BD)
    return sum(
        (_kernel(student_BD[i], student_BD[j], gamma) - _kernel(teacher_BE[i], teacher_BE[j], gamma)) ** 2
        for i in range(batch)
        for j in range(batch)
    ) / (batch**2)


def _kernel(x: Array, y: Array, gamma: float) -> float:
    """Peng et al. (2019), section 3.3, P = 2: up to the second power, of vectors brought to length 1.

    exp(-gamma |x - y|^2) = exp(-2 gamma) exp(2 gamma x.y), the second factor by its Taylor series.
    """
    cosine = float(x @ y / math.sqrt((x @ x) * (y @ y)))
    series = sum((2 * gamma) ** p / math.factorial(p) * cosine**p for p in range(3))
    return math.exp(-2 * gamma) * series
