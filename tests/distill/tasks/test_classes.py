"""Figures of classes against scikit-learn's, and against values worked out by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from distill.tasks.classes import Classes, expected_calibration_error

CLASSES = Classes()


@given(seed=st.integers(0, 10_000), examples=st.integers(5, 60))
def test_the_figures_are_those_of_scikit_learn(seed: int, examples: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(examples, 4, generator=generator)
    labels = torch.randint(0, 3, (examples,), generator=generator)
    predicted, present = logits.argmax(dim=1), labels.unique().tolist()

    found = CLASSES.figures(logits, labels, torch.arange(examples), ["a", "b", "c", "d"])

    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(labels, predicted))
    recalls = metrics.recall_score(labels, predicted, average="macro", labels=present, zero_division=0)
    assert found["balanced_accuracy"] == pytest.approx(recalls)
    f1 = metrics.f1_score(labels, predicted, average="macro", labels=present, zero_division=0)
    assert found["macro_f1"] == pytest.approx(f1)
    probabilities = logits.double().softmax(dim=1)
    assert found["loss"] == pytest.approx(metrics.log_loss(labels, probabilities, labels=[0, 1, 2, 3]))
    assert found["examples"] == examples
    assert CLASSES.scores(logits, labels, torch.arange(examples)).main() == pytest.approx(found["accuracy"])


def test_each_class_has_its_precision_recall_and_support() -> None:
    logits = torch.eye(3)[torch.tensor([0, 0, 1, 2])]

    found = CLASSES.figures(logits, torch.tensor([0, 1, 1, 1]), torch.arange(4), ["cat", "dog", "bird"])
    cats, dogs, birds = found["per_class"]

    assert cats == {"label": "cat", "precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1}
    assert dogs == {"label": "dog", "precision": 1.0, "recall": pytest.approx(1 / 3), "f1": 0.5, "support": 3}
    assert birds == {"label": "bird", "precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}


def test_a_network_that_is_as_sure_as_it_is_right_has_no_calibration_error() -> None:
    logits = torch.tensor([0.75, 0.25]).log().expand(4, 2)

    assert expected_calibration_error(logits, torch.tensor([0, 0, 0, 1])) == pytest.approx(0, abs=1e-6)
    assert expected_calibration_error(logits, torch.tensor([1, 1, 1, 1])) == pytest.approx(0.75)


def test_the_baseline_names_the_most_frequent_class() -> None:
    train = torch.tensor([1, 1, 1])

    assert CLASSES.baseline(torch.tensor([2, 2, 0, 1]), train) == {"majority_baseline": 0.5}


def test_likeness_and_divergence_compare_student_and_teacher() -> None:
    student, teacher = torch.tensor([[0.0, 1.0], [2.0, 0.0]]), torch.tensor([[0.0, 3.0], [0.0, 1.0]])

    assert CLASSES.alike(student, teacher).tolist() == [True, False]
    assert CLASSES.kl_divergence(teacher, teacher) == pytest.approx(0, abs=1e-12)
    log_p, log_q = teacher.double().log_softmax(1), student.double().log_softmax(1)
    expected = (log_p.exp() * (log_p - log_q)).sum(1).mean().item()
    assert CLASSES.kl_divergence(student, teacher) == pytest.approx(expected)


def test_a_hidden_label_is_none() -> None:
    labels = torch.tensor([0, -1, 2])

    assert CLASSES.labeled(labels).tolist() == [True, False, True]
    assert not CLASSES.labeled(CLASSES.hidden(labels)).any()
