"""Documents of jobs of every kind, each short enough to be stopped anywhere and begun again."""

from typing import Any

TRAINING: dict[str, Any] = {"steps": 30, "batch_size": 64, "select": "best"}
CNN = {"architecture": "cnn", "config": {"depth": 3, "width": 4, "dropout": 0.2}}
DOCUMENT: dict[str, Any] = {
    "name": "resumed",
    "task": "image-classification",
    "teacher": {
        "train": {"architecture": "mlp", "config": {"depth": 3, "dropout": 0.1}, "training": TRAINING}
    },
    "dataset": "digits",
    "labels": {"count": 60},
    "student": CNN,
    "training": TRAINING | {"early_stopping": {"patience": 3}},
}
SHORT: dict[str, Any] = {"steps": 9, "batch_size": 48}
IN_STAGES: dict[str, Any] = {
    "teacher": {"train": CNN | {"config": {"depth": 4, "width": 6}, "training": SHORT}},
    "training": None,
    "stages": [
        {
            "name": "hints",
            "losses": [
                {"kind": "hint", "weight": {"kind": "warmup", "value": 1.0, "steps": 5}},
                {"kind": "hard_target"},
            ],
            "training": SHORT,
        },
        {
            "name": "outputs",
            "losses": [
                {"kind": "soft_target", "weight": {"kind": "auto", "share": 0.6}},
                {"kind": "similarity", "weight": {"kind": "linear", "start": 1.0, "end": 9.0}},
                {"kind": "hard_target", "weight": 1.0},
            ],
            "training": SHORT | {"steps": 70, "select": "best", "early_stopping": {"patience": 1}},
        },
        {"name": "labels", "losses": [{"kind": "hard_target"}], "training": SHORT | {"accumulate": 3}},
    ],
}
GATHERED: dict[str, Any] = {
    "training": SHORT | {"steps": 14},
    "evaluation": {"seeds": 2, "controls": ["hard_labels", "teacher_argmax"]},
}
MUTUAL: dict[str, Any] = {
    "teacher": {"mutual": {"architecture": "mlp", "config": {"depth": 3, "dropout": 0.3}}},
    "training": SHORT | {"steps": 40, "select": "best"},
    "evaluation": {"seeds": 2},
}
BY_AN_ASSISTANT: dict[str, Any] = {
    "via": {"architecture": "cnn", "config": {"depth": 3, "width": 8}},
    "losses": [{"kind": "hint"}, {"kind": "soft_target"}],
    "teacher": IN_STAGES["teacher"],
    "training": SHORT,
}
OF_ITSELF: dict[str, Any] = {
    "teacher": {"self_distillation": {"generations": 2}},
    "training": SHORT | {"precision": "bf16"},
}
ROUNDED: dict[str, Any] = {
    "training": None,
    "stages": [
        {
            "name": "in-full",
            "losses": [{"kind": "hard_target"}],
            "training": SHORT | {"steps": 30, "optimizer": {"kind": "adamw", "learning_rate": 0.02}},
        },
        {
            "name": "rounded",
            "losses": [{"kind": "hint"}, {"kind": "soft_target"}],
            "training": SHORT | {"steps": 20, "select": "best", "accumulate": 2},
            "quantize": "int8",
        },
        {"name": "after", "losses": [{"kind": "soft_target"}], "training": SHORT | {"steps": 4}},
    ],
    "teacher": IN_STAGES["teacher"],
    "evaluation": {"seeds": 2, "controls": ["hard_labels", "teacher_argmax"]},
    "exports": ["onnx-int8"],
}
NOT_ROUNDED = ROUNDED | {"exports": [{"format": "onnx-int8", "max_drop": 1}]}
KINDS = {
    "one stage": {},
    "in stages": IN_STAGES,
    "gathered": GATHERED,
    "mutual": MUTUAL,
    "by an assistant": BY_AN_ASSISTANT,
    "of itself": OF_ITSELF,
    "rounded": ROUNDED,
    "not rounded": NOT_ROUNDED,
}
