"""Every loss beside a second one in numpy, by another hand (`references`), at random values.

The golden file fixes one point of some losses; here is each of them, at many.
"""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.random import Generator, default_rng

from distill import losses
from tests.distill.losses.references import features, labels, logits, relations, transformers
from tests.distill.losses.references.probabilities import Array

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "kd_golden.json").read_text())
EXACT = 1e-9

Case = tuple[torch.Tensor, float]
"""What the product says, and what the reference says."""


def t(array: Array) -> torch.Tensor:
    return torch.from_numpy(array)


def pair(rng: Generator, *shape: int, spread: float = 3.0) -> tuple[Array, Array]:
    """Something of a student and of a teacher."""
    return rng.normal(size=shape) * spread, rng.normal(size=shape) * spread


def some_classes(rng: Generator, batch: int, classes: int) -> Array:
    """Labels, one in four of them missing, the first one there."""
    chosen = rng.integers(0, classes, size=batch)
    missing = rng.random(batch) < 0.25
    missing[0] = False
    return np.where(missing, -1, chosen)


def temperature(rng: Generator) -> float:
    return float(rng.uniform(0.5, 20))


def hard_target(rng: Generator) -> Case:
    s, _ = pair(rng, 7, 5)
    y = some_classes(rng, 7, 5)
    return losses.hard_target_loss(t(s), t(y)), logits.cross_entropy(s, y.tolist())


def soft_target(rng: Generator) -> Case:
    (s, z), at = pair(rng, 7, 5), temperature(rng)
    return losses.soft_target_loss(t(s), t(z), temperature=at), logits.soft_target(s, z, at)


def decoupled(rng: Generator) -> Case:
    (s, z), at = pair(rng, 7, 5), temperature(rng)
    y = some_classes(rng, 7, 5)
    a, b = rng.uniform(0, 9, size=2).tolist()
    ours = losses.decoupled_loss(t(s), t(z), t(y), alpha=a, beta=b, temperature=at)
    return ours, logits.decoupled(s, z, y.tolist(), a, b, at)


def dist(rng: Generator) -> Case:
    (s, z), at = pair(rng, 7, 5), temperature(rng)
    b, c = rng.uniform(0, 3, size=2).tolist()
    ours = losses.dist_loss(t(s), t(z), beta=b, gamma=c, temperature=at)
    return ours, logits.dist(s, z, b, c, at)


def standardized(rng: Generator) -> Case:
    (s, z), at = pair(rng, 7, 5), temperature(rng)
    return losses.standardized_loss(t(s), t(z), temperature=at), logits.standardized(s, z, at)


def multi_level(rng: Generator) -> Case:
    s, z = pair(rng, 7, 5)
    several = rng.uniform(1, 8, size=3).tolist()
    return losses.multi_level_loss(t(s), t(z), temperatures=several), logits.multi_level(s, z, several)


def reverse_kl(rng: Generator) -> Case:
    s, z = pair(rng, 7, 5)
    return losses.reverse_kl_loss(t(s), t(z)), logits.reverse_kl(s, z)


def jensen_shannon(rng: Generator, beta: float | None = None) -> Case:
    s, z = pair(rng, 7, 5)
    between = float(rng.uniform(0.01, 0.99)) if beta is None else beta
    return losses.jensen_shannon_loss(t(s), t(z), beta=between), logits.jensen_shannon(s, z, between)


def mse_logits(rng: Generator) -> Case:
    s, z = pair(rng, 7, 5)
    return losses.mse_logits_loss(t(s), t(z)), logits.mse_logits(s, z)


def cosine(rng: Generator) -> Case:
    s, z = pair(rng, 7, 5)
    return losses.cosine_loss(t(s), t(z)), logits.cosine(s, z)


def binary_target(rng: Generator) -> Case:
    s, _ = pair(rng, 7, 5)
    y = rng.integers(0, 2, size=(7, 5)).astype(np.int8)
    y[3] = -1
    return losses.binary_target_loss(t(s), t(y)), labels.binary_target(s, y)


def binary_soft_target(rng: Generator) -> Case:
    (s, z), at = pair(rng, 7, 5), temperature(rng)
    return losses.binary_soft_target_loss(t(s), t(z), temperature=at), labels.binary_soft_target(s, z, at)


def squared_error(rng: Generator) -> Case:
    s, y = pair(rng, 7, 2)
    y[3] = np.nan
    return losses.squared_error_loss(t(s), t(y)), labels.squared_error(s, y)


def relational(rng: Generator) -> Case:
    s, z = pair(rng, 6, 3)[0], pair(rng, 6, 4)[0]
    d, a = rng.uniform(0, 50, size=2).tolist()
    ours = losses.relational_loss(t(s), t(z), distance_weight=d, angle_weight=a)
    return ours, relations.relational(s, z, d, a)


def similarity(rng: Generator) -> Case:
    s, z = pair(rng, 6, 3)[0], pair(rng, 6, 4)[0]
    return losses.similarity_loss(t(s), t(z)), relations.similarity(s, z)


def probabilistic_transfer(rng: Generator) -> Case:
    s, z = pair(rng, 6, 3)[0], pair(rng, 6, 4)[0]
    return losses.probabilistic_transfer_loss(t(s), t(z)), relations.probabilistic_transfer(s, z)


def correlation(rng: Generator) -> Case:
    s, z = pair(rng, 6, 3)[0], pair(rng, 6, 4)[0]
    gamma = float(rng.uniform(0.1, 2))
    return losses.correlation_loss(t(s), t(z), gamma=gamma), relations.correlation(s, z, gamma)


def hint(rng: Generator) -> Case:
    s, z = pair(rng, 3, 4, 5, 6)
    return losses.hint_loss(t(s), t(z)), features.hint(s, z)


def attention_transfer(rng: Generator) -> Case:
    s, z = pair(rng, 3, 4, 5, 6)[0], pair(rng, 3, 2, 5, 6)[0]
    return losses.attention_transfer_loss(t(s), t(z)), features.attention_transfer(s, z)


def attention_transfer_of_two_sizes(rng: Generator) -> Case:
    s, z = pair(rng, 3, 4, 4, 4)[0], pair(rng, 3, 2, 7, 7)[0]
    return losses.attention_transfer_loss(t(s), t(z)), features.attention_transfer(s, z)


def review(rng: Generator, size: int = 7) -> Case:
    s, z = pair(rng, 3, 4, size, size)
    return losses.review_loss(t(s), t(z)), features.review(s, z)


def some_tokens(rng: Generator, batch: int, length: int) -> Array:
    """True where a token is real: texts of 1 to `length` tokens, then padding."""
    return np.arange(length) < rng.integers(1, length + 1, size=(batch, 1))


def hidden_state(rng: Generator, form: str) -> Case:
    s, z = pair(rng, 4, 6, 5)
    mask = some_tokens(rng, 4, 6)
    return losses.hidden_state_loss(t(s), t(z), t(mask), form=form), transformers.hidden_state(
        s, z, mask, form
    )


def attention_map(rng: Generator, form: str) -> Case:
    s, z = pair(rng, 4, 2, 6, 6)
    mask = some_tokens(rng, 4, 6)
    return losses.attention_map_loss(t(s), t(z), t(mask), form=form), transformers.attention_map(
        s, z, mask, form
    )


def value_relation(rng: Generator) -> Case:
    s, z = pair(rng, 4, 2, 6, 5, spread=1.5)[0], pair(rng, 4, 2, 6, 3, spread=1.5)[0]
    mask = some_tokens(rng, 4, 6)
    return losses.value_relation_loss(t(s), t(z), t(mask)), transformers.value_relation(s, z, mask)


CASES: dict[str, Callable[[Generator], Case]] = {
    **{
        case.__name__: case
        for case in (
            hard_target,
            soft_target,
            decoupled,
            dist,
            standardized,
            multi_level,
            reverse_kl,
            jensen_shannon,
            mse_logits,
            cosine,
            binary_target,
            binary_soft_target,
            squared_error,
            relational,
            similarity,
            probabilistic_transfer,
            correlation,
            hint,
            attention_transfer,
            review,
            value_relation,
        )
    },
    "jensen_shannon at 0": lambda rng: jensen_shannon(rng, beta=0),
    "jensen_shannon at 1": lambda rng: jensen_shannon(rng, beta=1),
    "attention_transfer of two sizes": attention_transfer_of_two_sizes,
    "review of one pixel": lambda rng: review(rng, size=1),
    "review of four pixels": lambda rng: review(rng, size=4),
    "hidden_state by mse": lambda rng: hidden_state(rng, "mse"),
    "hidden_state by cosine": lambda rng: hidden_state(rng, "cosine"),
    "attention_map by scores": lambda rng: attention_map(rng, "scores"),
    "attention_map by probabilities": lambda rng: attention_map(rng, "probabilities"),
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", CASES)
def test_a_loss_is_what_its_paper_says(name: str, seed: int) -> None:
    ours, theirs = CASES[name](default_rng(seed))

    assert ours.dtype == torch.float64
    assert ours.shape == ()
    assert ours.item() == pytest.approx(theirs, rel=EXACT, abs=EXACT)


def test_every_loss_has_a_reference() -> None:
    public = {name.removesuffix("_loss") for name in losses.__all__ if name.endswith("_loss")}

    assert public == {name.split()[0] for name in CASES}


S, Z = (np.array(GOLDEN[name]) for name in ("zs", "zt"))
Y = GOLDEN["y"]
F, G = (
    (np.arange(24.0).reshape(2, 3, 2, 2) - 12) / 10,
    np.sin(np.arange(24.0)).reshape(2, 3, 2, 2),
)
REFERENCES_AT_GOLDEN_POINTS = {
    "ce": logits.cross_entropy(S, Y),
    "kd_T4_batchmean_T2": logits.soft_target(S, Z, 4),
    "kd_T20_batchmean_T2": logits.soft_target(S, Z, 20),
    "dkd_T4_a1_b8": logits.decoupled(S, Z, Y, 1, 8, 4),
    "dist_T4": logits.dist(S, Z, 1, 1, 4),
    "lskd_T2_T2scaled": logits.standardized(S, Z, 2),
    "gjsd_beta0": logits.jensen_shannon(S, Z, 0),
    "gjsd_beta0.1": logits.jensen_shannon(S, Z, 0.1),
    "gjsd_beta1": logits.reverse_kl(S, Z),
    "kd_mse_T1(TextBrewer kd_mse_loss)": logits.mse_logits(S, Z),
    "rkd_25d_50a": relations.relational(S, Z, 25, 50),
    "sp": relations.similarity(S, Z),
    "pkt": relations.probabilistic_transfer(S, Z),
    "at_code_p2": features.attention_transfer(F, G),
    "hint_mse": features.hint(F, G),
}


@pytest.mark.parametrize("name", REFERENCES_AT_GOLDEN_POINTS)
def test_a_reference_has_the_golden_value(name: str) -> None:
    assert REFERENCES_AT_GOLDEN_POINTS[name] == pytest.approx(GOLDEN["values"][name], abs=EXACT)
