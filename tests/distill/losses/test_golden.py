"""The losses on fixed inputs, against values computed by hand-written numpy in float64."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from distill import losses

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "kd_golden.json").read_text())
STUDENT, TEACHER = (torch.tensor(GOLDEN[name], dtype=torch.float64) for name in ("zs", "zt"))
LABELS = torch.tensor(GOLDEN["y"])
STUDENT_FEATURE = (torch.arange(24, dtype=torch.float64).reshape(2, 3, 2, 2) - 12) / 10
TEACHER_FEATURE = torch.arange(24, dtype=torch.float64).sin().reshape(2, 3, 2, 2)

LOGIT_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "ce": lambda s, t: losses.hard_target_loss(s, LABELS),
    "kd_T1_batchmean_T2": lambda s, t: losses.soft_target_loss(s, t, temperature=1),
    "kd_T2_batchmean_T2": lambda s, t: losses.soft_target_loss(s, t, temperature=2),
    "kd_T4_batchmean_T2": lambda s, t: losses.soft_target_loss(s, t, temperature=4),
    "kd_T20_batchmean_T2": lambda s, t: losses.soft_target_loss(s, t, temperature=20),
    "kd_total_0.1ce_0.9kd_T4(mdistiller)": lambda s, t: (
        0.1 * losses.hard_target_loss(s, LABELS) + 0.9 * losses.soft_target_loss(s, t, temperature=4)
    ),
    "dkd_T4_tckd": lambda s, t: losses.decoupled_loss(s, t, LABELS, alpha=1, beta=0, temperature=4),
    "dkd_T4_nckd": lambda s, t: losses.decoupled_loss(s, t, LABELS, alpha=0, beta=1, temperature=4),
    "dkd_T4_a1_b8": lambda s, t: losses.decoupled_loss(s, t, LABELS, alpha=1, beta=8, temperature=4),
    "dist_T1_inter": lambda s, t: losses.dist_loss(s, t, beta=1, gamma=0, temperature=1),
    "dist_T1_intra": lambda s, t: losses.dist_loss(s, t, beta=0, gamma=1, temperature=1),
    "dist_T1": lambda s, t: losses.dist_loss(s, t, beta=1, gamma=1, temperature=1),
    "dist_T4": lambda s, t: losses.dist_loss(s, t, beta=1, gamma=1, temperature=4),
    "lskd_T2_T2scaled": lambda s, t: losses.standardized_loss(s, t, temperature=2),
    "lskd_total_0.1ce_9kd": lambda s, t: (
        0.1 * losses.hard_target_loss(s, LABELS) + 9 * losses.standardized_loss(s, t, temperature=2)
    ),
    "gjsd_beta0": lambda s, t: losses.jensen_shannon_loss(s, t, beta=0),
    "gjsd_beta0.1": lambda s, t: losses.jensen_shannon_loss(s, t, beta=0.1),
    "gjsd_beta0.5": lambda s, t: losses.jensen_shannon_loss(s, t, beta=0.5),
    "gjsd_beta0.9": lambda s, t: losses.jensen_shannon_loss(s, t, beta=0.9),
    "gjsd_beta1": lambda s, t: losses.reverse_kl_loss(s, t),
    "rkd_d": lambda s, t: losses.relational_loss(s, t, distance_weight=1, angle_weight=0),
    "rkd_a": lambda s, t: losses.relational_loss(s, t, distance_weight=0, angle_weight=1),
    "rkd_25d_50a": lambda s, t: losses.relational_loss(s, t, distance_weight=25, angle_weight=50),
    "sp": losses.similarity_loss,
    "pkt": losses.probabilistic_transfer_loss,
}
FEATURE_LOSSES = {"at_code_p2": losses.attention_transfer_loss, "hint_mse": losses.hint_loss}
EXACT = [pytest.param(torch.float64, 1e-9, id="float64"), pytest.param(torch.float32, 1e-5, id="float32")]


@pytest.mark.parametrize(("dtype", "tolerance"), EXACT)
@pytest.mark.parametrize("name", LOGIT_LOSSES)
def test_a_loss_of_logits_has_its_golden_value(name: str, dtype: torch.dtype, tolerance: float) -> None:
    value = LOGIT_LOSSES[name](STUDENT.to(dtype), TEACHER.to(dtype))

    assert value.dtype == dtype
    assert value.item() == pytest.approx(GOLDEN["values"][name], abs=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), EXACT)
@pytest.mark.parametrize("name", FEATURE_LOSSES)
def test_a_loss_of_features_has_its_golden_value(name: str, dtype: torch.dtype, tolerance: float) -> None:
    value: Any = FEATURE_LOSSES[name](STUDENT_FEATURE.to(dtype), TEACHER_FEATURE.to(dtype))

    assert value.item() == pytest.approx(GOLDEN["values"][name], abs=tolerance)
