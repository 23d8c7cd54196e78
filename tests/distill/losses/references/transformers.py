"""Losses between the layers of transformers; a mask (batch, tokens) is True where a token is no padding."""

import math

import numpy as np

from tests.distill.losses.references.probabilities import Array, kl, softmax


def hidden_state(student_BLD: Array, teacher_BLD: Array, mask_BL: Array, form: str) -> float:
    """Of real tokens alone. `mse`: Jiao et al. (2020), equation 8, mean over tokens and features.
    `cosine`: Sanh et al. (2019), section 3, L_cos, mean over tokens."""
    losses = []
    for example, real in enumerate(mask_BL):
        for token in np.flatnonzero(real):
            s, t = student_BLD[example, token], teacher_BLD[example, token]
            losses.append(
                ((s - t) ** 2).sum() / len(s) if form == "mse" else 1 - s @ t / math.sqrt((s @ s) * (t @ t))
            )
    return float(sum(losses) / len(losses))


def attention_map(student_BHLL: Array, teacher_BHLL: Array, mask_BL: Array, form: str) -> float:
    """Scores are those before the softmax; a query and a key count where both are real.

    `scores`: Jiao et al. (2020), equation 7, mean over heads and positions.
    `probabilities`: Wang et al. (2020), section 3.1, L_AT: KL(teacher || student) of each query's attention
    over the real keys, mean over heads and real queries.
    """
    losses = []
    for example, head, query, keys in _queries(student_BHLL, mask_BL):
        s, t = student_BHLL[example, head, query, keys], teacher_BHLL[example, head, query, keys]
        if form == "scores":
            losses.extend((s - t) ** 2)
        else:
            losses.append(kl(softmax(t), softmax(s)))
    return float(sum(losses) / len(losses))


def value_relation(student_BHLD: Array, teacher_BHLE: Array, mask_BL: Array) -> float:
    """Wang et al. (2020), section 3.2, L_VR: VR = softmax(V V^T / sqrt(d)), KL(teacher || student),
    mean over heads and real queries; each network has its own d."""
    losses = []
    for example, head, query, keys in _queries(student_BHLD, mask_BL):
        rows = [
            softmax(values[example, head, keys] @ values[example, head, query] / math.sqrt(values.shape[-1]))
            for values in (teacher_BHLE, student_BHLD)
        ]
        losses.append(kl(*rows))
    return float(sum(losses) / len(losses))


def _queries(per_head: Array, mask_BL: Array) -> list[tuple[int, int, int, Array]]:
    """(example, head, real query, its real keys) of a batch."""
    return [
        (example, head, query, np.flatnonzero(real))
        for example, real in enumerate(mask_BL)
        for head in range(per_head.shape[1])
        for query in np.flatnonzero(real)
    ]
