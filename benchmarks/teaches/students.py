"""The student of each set, how it is trained, and the losses that are recommended."""

from collections.abc import Sequence
from typing import Any

from benchmarks.teaches.data import Prepared

Section = dict[str, Any]


def soft_and_hard(temperature: float, *, soft: float = 0.9, hard: float = 0.1) -> list[Section]:
    """Hinton's two losses; by default with the weights of the job document."""
    return [
        {"kind": "soft_target", "weight": soft, "temperature": temperature},
        {"kind": "hard_target", "weight": hard},
    ]


RECOMMENDED = soft_and_hard(1.0)
"""Fixed on images and table (`defaults`), by validation figures alone; text had no say."""

NETWORKS: dict[str, Section] = {
    "images": {"architecture": "cnn", "config": {"depth": 8, "width": 4, "stages": [1, 1, 2, 3]}},
    "table": {"architecture": "mlp", "config": {"depth": 3, "width": 128}},
    "text": {
        "huggingface": {
            "model_type": "bert",
            "num_hidden_layers": 1,
            "hidden_size": 32,
            "num_attention_heads": 2,
        }
    },
}
TRAINING: dict[str, Section] = {
    "images": {"epochs": 8, "batch_size": 128, "optimizer": {"kind": "adamw", "learning_rate": 1e-2}},
    "table": {"epochs": 40, "batch_size": 128, "optimizer": {"kind": "adamw", "learning_rate": 3e-3}},
    "text": {"epochs": 3, "batch_size": 128, "optimizer": {"kind": "adamw", "learning_rate": 2e-3}},
}


def document(
    data: Prepared,
    losses: Sequence[Section],
    *,
    fraction: float,
    seed: int,
    controls: Sequence[str] = ("hard_labels", "teacher_argmax"),
) -> dict[str, Any]:
    """A job on the set: `seed` draws the labels that may be seen, the first weights and the order."""
    return {
        "version": 1,
        "name": f"{data.name}-{seed}",
        "task": data.dataset.task,
        "dataset": data.name,
        "teacher": f"teacher-of-{data.name}",
        "student": NETWORKS[data.name],
        "losses": list(losses),
        "labels": {"fraction": fraction, "seed": seed},
        "training": {**TRAINING[data.name], "seed": seed},
        "evaluation": {"control": bool(controls), "controls": list(controls) or ["hard_labels"]},
    }
