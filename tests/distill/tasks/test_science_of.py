"""Every task has a science, which says of itself what the configuration says of the task."""

import pytest
import torch

from distill.config.tasks import TASKS, Task
from distill.tasks import science_of


@pytest.mark.parametrize("task", TASKS)
def test_a_task_has_the_science_of_its_target_and_its_main_figure(task: Task) -> None:
    science = science_of(task)

    assert science.target == TASKS[task].target
    assert science.main_figure == TASKS[task].main_figure


@pytest.mark.parametrize("task", [task for task in TASKS if task != "token-classification"])
def test_without_words_each_example_is_one_row(task: Task) -> None:
    science = science_of(task)
    outputs, labels, examples = torch.randn(3, 2), torch.zeros(3, 2), torch.tensor([4, 5, 6])

    assert science.rows(outputs, torch.zeros(3, 1)) is outputs
    assert science.row_labels(labels, torch.zeros(3, 1)) is labels
    assert science.row_examples(examples, torch.zeros(3, 1)) is examples
