"""What the files of a Hugging Face model say of its last layers: which head, and for which task."""

from dataclasses import dataclass
from typing import Any, Literal

from distill.config.tasks import Task
from distill.rejection import Rejected

HeadName = Literal["sequence", "token", "embedding"]

HEADS: dict[str, HeadName] = {
    "BertForSequenceClassification": "sequence",
    "BertForTokenClassification": "token",
    "BertModel": "embedding",
}
"""By the class that `architectures` in config.json names."""
TASK_OF_HEAD: dict[HeadName, Task | None] = {
    "sequence": None,
    "token": "token-classification",
    "embedding": "feature-extraction",
}
TASK_OF_PROBLEM: dict[str, Task] = {
    "single_label_classification": "text-classification",
    "multi_label_classification": "multi-label-classification",
    "regression": "regression",
}
POOLINGS: dict[str, Literal["mean", "cls"]] = {
    "mean": "mean",
    "pooling_mode_mean_tokens": "mean",
    "cls": "cls",
    "pooling_mode_cls_token": "cls",
}
"""As sentence-transformers writes them, today and before."""


@dataclass(frozen=True)
class Head:
    """`task` is None where only the user knows it; `pooling` and `normalize` are of an embedding."""

    name: HeadName
    task: Task | None
    pooling: Literal["mean", "cls"] | None = None
    normalize: bool | None = None


def head_of(config: dict[str, Any], modules: Any, pooling: dict[str, Any] | None) -> Head:
    """The head that `config.json` names; `modules.json` and the pooling's `config.json` are those of
    sentence-transformers, None where they are not there.

    Raises:
        Rejected: `unsupported_model`.
    """
    named = config.get("architectures") or [
        "BertForSequenceClassification" if modules is None else "BertModel"
    ]
    name = HEADS.get(named[0]) if isinstance(named, list) and isinstance(named[0], str) else None
    if name is None:
        raise _unsupported(
            f"the model is a {str(named)[:100]}; this can be built: {', '.join(HEADS)}",
            "fine-tune it as one of these first",
        )
    if name != "embedding":
        return Head(name, TASK_OF_HEAD[name] or _task_of_problem(config))
    if modules is None:
        return Head(name, TASK_OF_HEAD[name])
    listed = modules if isinstance(modules, list) else []
    kinds = [str(module.get("type")).split(".")[-1] for module in listed if isinstance(module, dict)]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise _unsupported(
            f"modules.json chains {', '.join(kind[:40] for kind in kinds[:10])}; only a transformer, a "
            "pooling and a normalization can be built",
            "upload a model without other modules",
        )
    return Head(name, TASK_OF_HEAD[name], _pooling(pooling or {}), "Normalize" in kinds)


def _task_of_problem(config: dict[str, Any]) -> Task | None:
    """By `problem_type`; a single output is a number, as transformers has it. Else only the user knows."""
    problem, names = config.get("problem_type"), config.get("id2label")
    if problem is None:
        single = config.get("num_labels") == 1 or (isinstance(names, dict) and len(names) == 1)
        return "regression" if single else None
    if problem not in TASK_OF_PROBLEM:
        raise _unsupported(
            f"the problem type is {str(problem)[:60]!r}; there are: {', '.join(TASK_OF_PROBLEM)}",
            "correct problem_type in config.json, or leave it out and give `task`",
        )
    return TASK_OF_PROBLEM[problem]


def _pooling(config: dict[str, Any]) -> Literal["mean", "cls"]:
    mode = config.get("pooling_mode")
    modes = [mode] if mode is not None else [key for key in config if config[key] is True and "mode" in key]
    chosen = POOLINGS.get(modes[0]) if len(modes) == 1 and isinstance(modes[0], str) else None
    if chosen is None:
        raise _unsupported(
            f"the pooling is {str(modes)[:100]}; only the mean of all tokens or the first token can be built",
            "upload a model that pools by mean or cls",
        )
    return chosen


def _unsupported(message: str, hint: str) -> Rejected:
    return Rejected("unsupported_model", "user", message, hint)
