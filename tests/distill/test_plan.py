"""A dry run: what the job would build, on the meta device."""

from pathlib import Path
from typing import Any

import pytest

from distill.config.events import Planned
from distill.config.folder import PlanJob
from distill.plan import plan
from distill.rejection import Rejected
from tests.distill.inspect.uploads import Heard
from tests.distill.test_admission import SMALL, dataset, job, teacher


def planned(tmp_path: Path, document: Any, memory_bytes: int | None = None, **given: Any) -> Planned:
    heard = Heard()
    given = {"teachers": [teacher()], "dataset": dataset(), **given}
    plan(PlanJob(document=document, memory_bytes=memory_bytes, **given), tmp_path, heard)
    assert isinstance(heard.last, Planned)
    return heard.last


def test_a_plan_counts_the_student_exactly(tmp_path: Path) -> None:
    answer = planned(tmp_path, job(SMALL), 8_000_000_000)
    assert answer.student["parameters"] == 54
    assert answer.student["size_bytes"] == 4 * (54 + 2 * 4) + 8
    assert answer.fits_memory


def test_a_plan_counts_the_updates_of_every_run(tmp_path: Path) -> None:
    train = {"architecture": "mlp", "training": {"steps": 70}}
    document = job(SMALL, teacher={"train": train}, training={"steps": 50})
    assert planned(tmp_path, document, teachers=[]).estimate == {
        "student_updates": 50,
        "control_updates": 50,
        "teacher_updates": 70,
        "total_updates": 170,
    }


def test_a_job_without_control_plans_none(tmp_path: Path) -> None:
    document = job(SMALL, training={"steps": 50}, evaluation={"control": False})
    assert planned(tmp_path, document).estimate["total_updates"] == 50


def test_a_larger_batch_needs_more_memory(tmp_path: Path) -> None:
    small, large = (planned(tmp_path, job(SMALL, training={"batch_size": size})) for size in (8, 4096))
    assert large.memory_bytes > small.memory_bytes


def test_a_plan_of_what_cannot_fit_is_refused(tmp_path: Path) -> None:
    student = {"architecture": "mlp", "config": {"depth": 3, "width": 1_000_000}}
    with pytest.raises(Rejected, match="parameters needs about"):
        planned(tmp_path, job(student), 8_000_000_000)
