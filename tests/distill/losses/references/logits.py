"""Losses between logits of shape (batch, classes)."""

import math

import numpy as np

from tests.distill.losses.references.probabilities import Array, kl, softmax, softmax_rows


def cross_entropy(student_BC: Array, labels_B: list[int]) -> float:
    """Mean of -log p(label) over the labeled rows; a label of -1 says that there is none."""
    surprises = [
        -math.log(softmax(row)[label]) for row, label in zip(student_BC, labels_B, strict=True) if label >= 0
    ]
    return sum(surprises) / len(surprises) if surprises else 0.0


def soft_target(student_BC: Array, teacher_BC: Array, temperature: float) -> float:
    """Hinton et al. (2015), section 2: T^2 * KL of the softened distributions, mean over the batch."""
    divergences = [
        kl(softmax(t, temperature), softmax(s, temperature))
        for s, t in zip(student_BC, teacher_BC, strict=True)
    ]
    return temperature**2 * sum(divergences) / len(divergences)


def decoupled(
    student_BC: Array, teacher_BC: Array, labels_B: list[int], alpha: float, beta: float, temperature: float
) -> float:
    """Zhao et al. (2022), equation 7: alpha * TCKD + beta * NCKD, with T^2 as in their code.

    TCKD is the KL of the pair (p of the target, p of all others), NCKD that of the distribution
    among the others, equation 2. Where the target is not known (-1), it is the teacher's top class.
    """
    losses = []
    for s, t, label in zip(student_BC, teacher_BC, labels_B, strict=True):
        target = label if label >= 0 else int(t.argmax())
        q, p = softmax(s, temperature), softmax(t, temperature)
        tckd = kl(np.array([p[target], 1 - p[target]]), np.array([q[target], 1 - q[target]]))
        others_p, others_q = np.delete(p, target), np.delete(q, target)
        nckd = kl(others_p / others_p.sum(), others_q / others_q.sum())
        losses.append(alpha * tckd + beta * nckd)
    return temperature**2 * sum(losses) / len(losses)


def dist(student_BC: Array, teacher_BC: Array, beta: float, gamma: float, temperature: float) -> float:
    """Huang et al. (2022), section 3: beta * L_inter + gamma * L_intra, times T^2 as in their code.

    d(u, v) = 1 - Pearson(u, v), mean over rows (between classes) and over columns (within a class).
    """
    q, p = softmax_rows(student_BC, temperature), softmax_rows(teacher_BC, temperature)
    inter = sum(1 - pearson(s, t) for s, t in zip(q, p, strict=True)) / len(q)
    intra = sum(1 - pearson(s, t) for s, t in zip(q.T, p.T, strict=True)) / len(q.T)
    return temperature**2 * (beta * inter + gamma * intra)


def pearson(x: Array, y: Array) -> float:
    """Pearson's correlation, as Huang et al. (2022) compute it: 1e-8 beside the product of the lengths."""
    dx, dy = x - x.mean(), y - y.mean()
    return float(dx @ dy / (math.sqrt(dx @ dx) * math.sqrt(dy @ dy) + 1e-8))


def standardized(student_BC: Array, teacher_BC: Array, temperature: float) -> float:
    """Sun et al. (2024), algorithm 1: z-scores of both rows, softened by the base temperature."""
    return soft_target(_z_scores(student_BC), _z_scores(teacher_BC), temperature)


def _z_scores(logits_BC: Array) -> Array:
    """Row less mean, over its standard deviation (of a sample: n - 1) and 1e-7, as their code has both."""
    return np.array([(row - row.mean()) / (row.std(ddof=1) + 1e-7) for row in logits_BC])


def multi_level(student_BC: Array, teacher_BC: Array, temperatures: list[float]) -> float:
    """Jin et al. (2023), section 3: instances, batch and classes, summed over the temperatures.

    Instances: KL(teacher || student), mean over the batch, times T^2 as in their code.
    Batch: squared Frobenius distance of the B x B Gram matrices of predictions, over B.
    Classes: the same of the C x C matrices, over C.
    """
    batch, classes = student_BC.shape
    total = 0.0
    for temperature in temperatures:
        q, p = softmax_rows(student_BC, temperature), softmax_rows(teacher_BC, temperature)
        total += soft_target(student_BC, teacher_BC, temperature)
        for i in range(batch):
            for j in range(batch):
                total += float(p[i] @ p[j] - q[i] @ q[j]) ** 2 / batch
        for c in range(classes):
            for d in range(classes):
                total += float(p[:, c] @ p[:, d] - q[:, c] @ q[:, d]) ** 2 / classes
    return total


def reverse_kl(student_BC: Array, teacher_BC: Array) -> float:
    """Gu et al. (2024), section 2.1: KL(student || teacher), mean over the batch."""
    pairs = zip(softmax_rows(student_BC), softmax_rows(teacher_BC), strict=True)
    return sum(kl(q, p) for q, p in pairs) / len(student_BC)


def jensen_shannon(student_BC: Array, teacher_BC: Array, beta: float) -> float:
    """Agarwal et al. (2024), section 2: beta KL(P || M) + (1 - beta) KL(Q || M), M = beta P + (1 - beta) Q.

    P is the teacher, Q the student. At the ends, where the sum vanishes, the divergence to which it
    tends once it is divided by beta or 1 - beta: KL(P || Q) at 0, KL(Q || P) at 1.
    """
    total = 0.0
    for q, p in zip(softmax_rows(student_BC), softmax_rows(teacher_BC), strict=True):
        if beta in (0, 1):
            total += kl(p, q) if beta == 0 else kl(q, p)
        else:
            mixture = beta * p + (1 - beta) * q
            total += beta * kl(p, mixture) + (1 - beta) * kl(q, mixture)
    return total / len(student_BC)


def mse_logits(student_BC: Array, teacher_BC: Array) -> float:
    """Ba and Caruana (2014), section 2.2: a mean over rows and outputs, where they halve a sum."""
    squares = [
        (s - t) ** 2
        for student, teacher in zip(student_BC, teacher_BC, strict=True)
        for s, t in zip(student, teacher, strict=True)
    ]
    return float(sum(squares) / len(squares))


def cosine(student_BD: Array, teacher_BD: Array) -> float:
    """Sanh et al. (2019), section 3, L_cos: one less the cosine of both vectors, mean over the batch."""
    angles = [s @ t / math.sqrt((s @ s) * (t @ t)) for s, t in zip(student_BD, teacher_BD, strict=True)]
    return float(1 - sum(angles) / len(angles))
