"""What a checkpoint was training can be taken home: the very weights, in a folder that loads them."""

import json
import zipfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from distill.channel import StopAsked
from distill.checkpoint import State, read_checkpoint, write_checkpoint
from distill.config.document import parse_job
from distill.config.events import CheckpointWritten, Promoted
from distill.config.folder import PromoteCheckpoint
from distill.promotion import promote, weights_of
from distill.rejection import Rejected
from tests.distill.conftest import Inspected
from tests.distill.folders import Heard, Stop, of_kind, run, stage
from tests.distill.jobs import small


def stopped(folder: Path, digits: Inspected, *, looks: int, **changes: Any) -> list[CheckpointWritten]:
    """The checkpoints of a job that stopped after so many looks at its stop line."""
    heard = Heard()
    place = stage(folder, small(**changes), digits.dataset, digits.splits)
    with pytest.raises(StopAsked):
        run(place, stop=Stop(looks=looks), heard=heard)
    return of_kind(heard, CheckpointWritten)


def promoted(folder: Path, checkpoint: Path) -> Path:
    """The unpacked archive."""
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "checkpoint").write_bytes(checkpoint.read_bytes())
    heard = Heard()
    promote(PromoteCheckpoint(document=parse_job(small())), folder, heard)
    (event,) = of_kind(heard, Promoted)
    assert (event.artifact.kind, event.artifact.media_type) == ("checkpoint", "application/zip")
    zipfile.ZipFile(folder / event.artifact.path).extractall(folder / "unpacked")
    return folder / "unpacked"


TRAINING: dict[str, Any] = {"steps": 40, "batch_size": 32, "checkpoint_every_s": 1}


def test_a_checkpoint_in_the_middle_of_a_run_becomes_a_student_that_answers(
    tmp_path: Path, digits: Inspected
) -> None:
    *_, last = stopped(tmp_path / "job", digits, looks=25, training=TRAINING)
    assert (last.run, last.step > 0) == ("student", True)
    state = read_checkpoint(tmp_path / "job" / last.path)

    student = promoted(tmp_path / "promotion", tmp_path / "job" / last.path)

    weights = load_file(student / "student.safetensors")
    trained = state.group("study/learner/weights")
    assert weights.keys() == trained.keys()
    assert all(torch.equal(weights[name], tensor) for name, tensor in trained.items())
    spec = spec_from_file_location("load", student / "load.py")
    assert spec is not None
    assert spec.loader is not None
    load = module_from_spec(spec)
    spec.loader.exec_module(load)
    answers = load.predict(load.load(student), torch.zeros(3, 1, 8, 8, dtype=torch.uint8))
    assert answers.shape == (3, 10)
    record = json.loads((student / "config.json").read_text())
    assert record["network"]["architecture"] == "mlp"


def test_the_same_checkpoint_gives_the_same_bytes(tmp_path: Path, digits: Inspected) -> None:
    *_, last = stopped(tmp_path / "job", digits, looks=25, training=TRAINING)
    for again in ("one", "two"):
        promoted(tmp_path / again, tmp_path / "job" / last.path)
    one, two = (next((tmp_path / again / "out").glob("*.zip")) for again in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_a_checkpoint_at_the_end_of_a_run_gives_what_the_run_ended_with(
    tmp_path: Path, digits: Inspected
) -> None:
    first, *_ = stopped(tmp_path / "job", digits, looks=25, training=TRAINING)
    assert first.run == "teacher"
    state = read_checkpoint(tmp_path / "job" / first.path)
    student = promoted(tmp_path / "promotion", tmp_path / "job" / first.path)
    weights = load_file(student / "student.safetensors")
    assert all(torch.equal(weights[name], tensor) for name, tensor in state.group("finished/teacher").items())


def test_where_the_best_weights_are_kept_these_are_taken_home() -> None:
    best, present = torch.ones(2), torch.zeros(2)
    state = State(facts={"finished": {}})
    state.put("study", State({"learner/best/w": best, "learner/weights/w": present}))
    assert torch.equal(weights_of(state, "student")["w"], best)
    del state.tensors["study/learner/best/w"]
    assert torch.equal(weights_of(state, "student")["w"], present)


def test_a_checkpoint_tells_how_good_its_weights_were_last_found_to_be(
    tmp_path: Path, digits: Inspected
) -> None:
    of_teacher, *_, last = stopped(tmp_path / "job", digits, looks=60, training=TRAINING)
    assert of_teacher.figure is not None
    assert 0 <= of_teacher.figure <= 1
    assert last.figure is None or 0 <= last.figure <= 1


@pytest.mark.parametrize(
    ("content", "code"), [("network", "checkpoint_too_old"), ("cut", "checkpoint_damaged")]
)
def test_what_cannot_be_taken_home_says_why(tmp_path: Path, content: str, code: str) -> None:
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "checkpoint"
    write_checkpoint(path, State({"x": torch.ones(1)}, {"network": None}))
    if content == "cut":
        path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(Rejected) as refused:
        promote(PromoteCheckpoint(document=parse_job(small())), tmp_path, Heard())
    assert refused.value.code == code
