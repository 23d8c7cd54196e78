"""What lies ahead of a job is what it then does, and to know it costs no seconds."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from distill.config.events import Progressed
from distill.config.folder import RunJob
from distill.lessons import Lessons
from distill.opening import open_job
from distill.outlook import ahead
from distill.progress import AFTER_TRAINING, GATHERING, Part
from tests.distill.conftest import Inspected
from tests.distill.folders import of_kind, stage
from tests.distill.jobs import small, trained_until_evaluation

FEW: dict[str, Any] = {"steps": 8, "batch_size": 32}
MLP = {"architecture": "mlp", "config": {"depth": 3}}
SEEDS = {"evaluation": {"seeds": 2, "controls": ["hard_labels", "teacher_argmax"]}}
STAGES = {
    "training": None,
    "stages": [
        {"name": "one", "losses": [{"kind": "soft_target"}], "training": FEW},
        {"name": "two", "losses": [{"kind": "hard_target"}], "training": FEW | {"steps": 3}},
    ],
}

ROUNDED = {
    "training": None,
    "stages": [
        {"name": "one", "losses": [{"kind": "soft_target"}], "training": FEW},
        {"name": "two", "losses": [{"kind": "soft_target"}], "training": FEW, "quantize": "int8"},
    ],
    "exports": ["onnx-int8"],
}


def parts_of(folder: Path, digits: Inspected, **changes: Any) -> list[Part]:
    staged = stage(folder / "job", small(**changes), digits.dataset, digits.splits)
    request = RunJob.model_validate_json((staged / "in" / "request.json").read_bytes())
    opened = open_job(request, staged, lambda code, message: None)
    return ahead(opened, gathers=Lessons(opened, {}).gathers)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [("teacher", 0, 8), ("student", 0, 8), ("control", 0, 8)]),
        (
            STAGES,
            [
                ("teacher", 0, 8),
                *(
                    (run, number, steps)
                    for run in ("student", "control")
                    for number, steps in ((0, 8), (1, 3))
                ),
            ],
        ),
        (
            SEEDS | {"training": FEW | {"steps": 100}},
            [
                ("teacher", 0, 8),
                (GATHERING, 0, 1259),
                *(
                    (f"{run}{seed}", 0, 100)
                    for run in ("student", "control", "control.teacher_argmax")
                    for seed in ("", ".seed2")
                ),
            ],
        ),
        (
            ROUNDED | {"via": MLP},
            [
                ("teacher", 0, 8),
                ("assistant", 0, 8),
                *((run, number, 8) for run in ("student", "control") for number in (0, 1)),
            ],
        ),
        (
            ROUNDED | {"teacher": {"self_distillation": {"generations": 1}}},
            [
                ("teacher", 0, 8),
                *((run, number, 8) for run in ("student", "control") for number in (0, 1)),
            ],
        ),
        ({"via": MLP}, [(run, 0, 8) for run in ("teacher", "assistant", "student", "control")]),
        (
            {"teacher": {"self_distillation": {"generations": 2}}},
            [(run, 0, 8) for run in ("teacher", "generation1", "student", "control")],
        ),
        ({"teacher": {"mutual": MLP}}, [("student", 0, 8), ("control", 0, 8)]),
    ],
    ids=["one stage", "stages", "seeds", "rounded via", "rounded of itself", "via", "generations", "mutual"],
)
def test_every_stage_of_every_run_lies_ahead(
    tmp_path: Path, digits: Inspected, changes: dict[str, Any], expected: list[tuple[str, int, int]]
) -> None:
    found = [(part.run, part.stage, part.updates) for part in parts_of(tmp_path, digits, **changes)]

    assert found == expected


def test_a_student_that_asks_costs_more_than_its_control_and_one_that_looks_up_does_not(
    tmp_path: Path, digits: Inspected
) -> None:
    asks, looks_up = (
        {part.run: part.cost for part in parts_of(tmp_path / name, digits, training=FEW | {"steps": steps})}
        for name, steps in (("asks", 8), ("looks_up", 200))
    )

    assert asks["student"] > asks["control"]
    assert looks_up["student"] == looks_up["control"]
    assert looks_up[GATHERING] > 0


@pytest.mark.parametrize("changes", [SEEDS | STAGES, {"via": MLP}], ids=["seeds in stages", "via"])
def test_when_everything_is_behind_so_is_the_whole_training(
    tmp_path: Path, digits: Inspected, changes: dict[str, Any]
) -> None:
    job = stage(tmp_path / "job", small(**changes), digits.dataset, digits.splits)

    fractions = [event.fraction for event in of_kind(trained_until_evaluation(job), Progressed)]

    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(AFTER_TRAINING)


def test_a_job_trains_without_torchs_compiler(tmp_path: Path) -> None:
    """To load it takes seconds, which would come before the first update of every job."""
    program = f"""
import sys
from pathlib import Path
from tests.distill import folders
from tests.distill.jobs import small, trained_until_evaluation
place = Path({str(tmp_path)!r})
losses = [{{"kind": "hint"}}, {{"kind": "soft_target", "weight": {{"kind": "auto"}}}}]
losses += [{{"kind": "hard_target"}}]
trained_until_evaluation(folders.stage(place / "job", small(losses=losses), folders.digits(place), place))
slow = ("torch._dynamo", "torch._inductor", "sympy", "transformers")
print([name for name in slow if name in sys.modules])
"""

    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2], capture_output=True, text=True
    )

    assert ran.stdout.strip().splitlines()[-1:] == ["[]"], ran.stderr + ran.stdout
