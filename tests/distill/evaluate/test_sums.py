"""Every figure that a gate may ask is what the result says it is."""

import numpy as np
import pytest
import torch
from torch import Tensor

from distill.config.figures import PER_CLASS, figures_of
from distill.config.tasks import TASKS, Task
from distill.evaluate.sums import Sums, sums_of
from tests.distill.judging import rows

NAMES = ["O", "B-x", "I-x"]


def split_of(task: Task, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Labels, some of them missing; what a network answers; of which example each row is."""
    torch.manual_seed(seed)
    examples = torch.arange(60)
    match TASKS[task].target:
        case "class":
            labels = torch.randint(-1, 3, (60,))
        case "tag":
            labels, examples = torch.randint(-1, 3, (60,)), torch.arange(60) // 4
        case "label_set":
            labels = torch.randint(0, 2, (60, 3)).to(torch.int8)
            labels[::7] = -1
        case _:
            labels = torch.randn(60, 3)
            labels[::7] = torch.nan
    return labels, torch.randn(60, 3), examples


def measured(sums: Sums) -> float:
    return float(sums.of(sums.columns.sum(axis=0, keepdims=True))[0])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("task", [task for task in TASKS if task != "text-classification"])
def test_every_figure_of_a_task_is_that_of_the_result(task: Task, seed: int) -> None:
    labels, outputs, examples = split_of(task, seed)
    judged = rows(task, labels, NAMES, examples)
    here = judged.labeled
    figures = judged.science.figures(outputs[here], labels[here], examples[here], NAMES)
    asked = [figure.name for figure in figures_of(TASKS[task].target).values() if figure.kind == "answer"]

    for name in set(asked) - {PER_CLASS}:
        found = measured(sums_of(name, outputs, outputs, judged))
        assert found == pytest.approx(figures[name], abs=1e-12), name

    named = next((figures[key] for key in ("per_class", "per_label", "per_tag") if key in figures), [])
    for each in named:
        assert measured(sums_of(f"{PER_CLASS}.{each['label']}", outputs, outputs, judged)) == pytest.approx(
            each["recall"]
        )
    if named:
        worst = measured(sums_of(PER_CLASS, outputs, outputs, judged))
        assert worst == pytest.approx(min(each["recall"] for each in named))


@pytest.mark.parametrize(
    "task", ["image-classification", "multi-label-classification", "token-classification"]
)
def test_agreement_is_with_the_teacher_on_labeled_rows(task: Task) -> None:
    labels, outputs, examples = split_of(task, 0)
    judged = rows(task, labels, NAMES, examples)
    teacher = outputs.clone()
    teacher[judged.labeled.nonzero()[0]] *= -1

    share = measured(sums_of("agreement", outputs, teacher, judged))

    assert share == pytest.approx(1 - 1 / int(judged.labeled.sum()))


def test_a_class_counts_the_examples_in_which_it_is() -> None:
    judged = rows("image-classification", torch.tensor([0, 0, 1, -1, 0]), ["a", "b"])
    outputs = torch.zeros(5, 2)

    assert sums_of("per_class_accuracy.a", outputs, outputs, judged).examples == 3
    assert sums_of("per_class_accuracy.b", outputs, outputs, judged).examples == 1
    assert sums_of("accuracy", outputs, outputs, judged).examples == 4


def test_a_class_that_no_example_has_has_no_figure_and_is_not_the_worst() -> None:
    judged = rows("image-classification", torch.tensor([0, 0, 1]), ["a", "b", "c"])
    outputs = torch.tensor([[4.0, 0, 0], [0, 4, 0], [0, 4, 0]])

    assert np.isnan(measured(sums_of("per_class_accuracy.c", outputs, outputs, judged)))
    assert measured(sums_of("per_class_accuracy", outputs, outputs, judged)) == 0.5


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "ece", "entity_f1", "per_class_accuracy"])
def test_words_are_resampled_with_the_example_that_they_are_in(metric: str) -> None:
    labels, outputs, examples = split_of("token-classification", 0)
    judged = rows("token-classification", labels, NAMES, examples)

    sums = sums_of(metric, outputs, outputs, judged)

    assert len(sums.columns) == len(np.unique(examples[judged.labeled].numpy()))
    chosen = [0, 3, 3, 7]  # examples that a resample might take
    repeated = torch.cat([(examples == example).nonzero().flatten() for example in chosen])
    places = torch.repeat_interleave(torch.arange(4), torch.tensor([4, 4, 4, 4]))
    again = rows("token-classification", labels[repeated], NAMES, places)
    expected = measured(sums_of(metric, outputs[repeated], outputs[repeated], again))
    assert float(sums.of(sums.columns[chosen].sum(axis=0, keepdims=True))[0]) == pytest.approx(expected)


@pytest.mark.parametrize("metric", ["macro_f1", "per_class_accuracy"])
def test_examples_in_groups_have_the_same_figure_and_the_same_groups(
    metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels, outputs, examples = split_of("image-classification", 0)
    judged = rows("image-classification", labels, NAMES, examples)
    whole = sums_of(metric, outputs, outputs, judged)
    monkeypatch.setattr("distill.evaluate.sums.MOST_EXAMPLES", 8)

    grouped, other = (sums_of(metric, said, said, judged) for said in (outputs, -outputs))

    assert len(grouped.columns) == 8
    assert grouped.examples == whole.examples
    assert measured(grouped) == pytest.approx(measured(whole))
    there = slice(3, 6)  # how often each class is there, which does not depend on who answers
    assert np.array_equal(grouped.columns[:, there], other.columns[:, there])
