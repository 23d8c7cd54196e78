"""Which of several students ships, what the others are called, and what a job of several seeds says."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from distill.evaluate.seeds import SeedOfJob, seeds_of
from distill.history import History
from distill.study import Trained
from tests.distill.conftest import Inspected
from tests.distill.evaluate import finished
from tests.distill.evaluate.finished import FEW, MLP, Done, predictions


def trained(validation: float, *, chosen: int = 10) -> Trained:
    return Trained(weights={}, stage_steps=[10], chosen_step=chosen, validation=validation)


def seeds(*validations: float, history: History | None = None, chosen: int = 10) -> list[SeedOfJob]:
    runs = ["student", *(f"student.seed{number}" for number in range(2, len(validations) + 1))]
    finished = {run: trained(value, chosen=chosen) for run, value in zip(runs, validations, strict=True)}
    return seeds_of(finished, history or History(), first=7, count=len(validations), main_figure="accuracy")


@pytest.mark.parametrize(
    ("validations", "shipped"), [((0.5,), 1), ((0.5, 0.9, 0.7), 2), ((0.8, 0.8), 1), ((-3.0, -2.0), 2)]
)
def test_the_first_of_the_best_by_validation_ships(validations: tuple[float, ...], shipped: int) -> None:
    found = seeds(*validations)

    assert [each.number for each in found if each.ships] == [shipped]
    assert [each.seed for each in found] == list(range(7, 7 + len(validations)))


def test_a_student_is_judged_by_the_weights_that_it_ended_with() -> None:
    history = History()
    history.add("student", 4, {"validation.accuracy": 0.95}, 0.0)
    history.add("student", 10, {"validation.accuracy": 0.5}, 0.0)

    first, second = seeds(0.5, 0.7, history=history, chosen=4)

    assert first.ships
    assert not second.ships


def test_in_the_result_the_student_is_the_one_that_ships() -> None:
    first, second = seeds(0.5, 0.9)

    assert (first.run("student"), first.name("student")) == ("student", "student.seed1")
    assert (second.run("control"), second.name("control")) == ("control.seed2", "control")


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, digits: Inspected) -> Done:
    """Three students with both controls, after a generation of self-distillation."""
    folder = tmp_path_factory.mktemp("seeds")
    document = {
        "task": "image-classification",
        "teacher": {"self_distillation": {"generations": 2}},
        "student": MLP,
        "labels": {"count": 200},
        "training": FEW,
        "evaluation": {"seeds": 3, "controls": ["hard_labels", "teacher_argmax"]},
    }
    return finished.finish(folder / "job", document, digits.dataset, digits.splits)


def test_the_student_that_ships_is_the_best_by_validation_and_stands_in_the_result(job: Done) -> None:
    metrics = pq.read_table(job.out / "metrics.parquet").to_pylist()
    last = {row["run"]: row["value"] for row in metrics if row["name"] == "validation.accuracy"}
    listed = job.result["seeds"]

    (shipped,) = (each for each in listed if each["shipped"])

    assert last[shipped["run"]] == max(last[each["run"]] for each in listed)
    assert [each["seed"] for each in listed] == [0, 1, 2]
    assert job.result["student"]["accuracy"] == shipped["student"]
    assert job.result["control"]["accuracy"] == shipped["control"]
    assert job.result["controls"]["teacher_argmax"]["accuracy"] == shipped["teacher_argmax"]


def test_the_gain_is_that_of_the_means_over_the_seeds(job: Done) -> None:
    listed = job.result["seeds"]
    gains = [each["student"] - each["control"] for each in listed]
    over_argmax = [each["student"] - each["teacher_argmax"] for each in listed]

    assert job.result["gain"]["value"] == pytest.approx(np.mean(gains))
    assert job.result["gain_over_teacher_argmax"]["value"] == pytest.approx(np.mean(over_argmax))
    assert "over seeds" in job.result["intervals_note"]


def test_every_network_of_a_job_has_a_column_of_predictions_that_its_figures_follow_from(job: Done) -> None:
    columns = predictions(job)
    labels = torch.tensor(columns.pop("label"))
    of_runs = {
        run: torch.tensor(column) for run, column in columns.items() if run not in ("row", "content_hash")
    }

    accuracies = {run: (logits.argmax(1) == labels).double().mean().item() for run, logits in of_runs.items()}

    assert accuracies.pop("export:safetensors") == accuracies["student"]
    assert len(accuracies) == 2 + 3 * 3
    for run in ("teacher", "student", "control"):
        assert accuracies[run] == pytest.approx(job.result[run]["accuracy"])
    assert accuracies["generation1"] == pytest.approx(job.result["between"]["generation1"]["accuracy"])


def test_a_control_that_learns_the_teachers_word_uses_no_label(job: Done) -> None:
    assert job.result["controls"]["teacher_argmax"]["labels_used"] == 0
    assert job.result["control"]["labels_used"] == 200


def test_flips_are_rows_of_the_source_and_lead_with_the_surest_mistake(job: Done) -> None:
    flips, columns = job.result["flips"], predictions(job)
    label_of_row = dict(zip(columns["row"], columns["label"], strict=True))

    sure = [flip["confidence"] for flip in flips["examples"]]

    assert len(sure) == min(20, flips["teacher_right_student_wrong"])
    assert sure == sorted(sure, reverse=True)
    assert all(flip["teacher"] == flip["label"] != flip["student"] for flip in flips["examples"])
    assert all(str(label_of_row[flip["row"]]) == flip["label"] for flip in flips["examples"])
