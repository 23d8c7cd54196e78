"""A promotion by the real science in its own process: from a checkpoint in the store to an artifact."""

import dataclasses
import io
import json
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load

from distill.checkpoint import State, write_checkpoint
from distill.config.events import CheckpointWritten
from distill.config.networks import Input, Network
from distill.models import build
from ledger import lifecycle, tables
from ledger.lifecycle import Flush
from ledger.queries import artifacts, checkpoints
from tests.worker.bench import Bench
from tests.worker.scripted import Scripted, keep
from worker.chores import run_chores
from worker.place import Place

NETWORK = Network(
    task="image-classification",
    architecture="mlp",
    config={"depth": 2, "width": 4},
    labels=["0", "1"],
    num_outputs=2,
    input=Input(kind="image", shape=[1, 8, 8], dtype="uint8"),
)


def with_checkpoint(bench: Bench, tmp_path: Path, state: State) -> tuple[str, str]:
    """The ids of a running job and of its checkpoint, which is in the store."""
    written = write_checkpoint(tmp_path / "checkpoint", state)
    keep(bench.sessions, bench.store, written.path.read_bytes(), tmp_path / "again")
    job_id = bench.submit()
    event = CheckpointWritten(
        path="out/c", sha256=written.sha256, bytes=written.bytes, phase="training", run="student", step=12
    )
    with bench.sessions.writing() as session:
        claim = lifecycle.claim_next(session, lanes=["cpu"], worker="w", lease_s=600)
        assert claim is not None
        lifecycle.record(session, claim.hold, Flush(checkpoint=event))
    with bench.sessions.reading() as session:
        (checkpoint,) = checkpoints(session, job_id)
    return job_id, checkpoint.id


def promoted(bench: Bench, slot: Place, checkpoint_id: str) -> tables.Chore:
    with bench.sessions.writing() as session:
        id = lifecycle.add_promotion(session, project_id=bench.project_id, checkpoint_id=checkpoint_id).id
    run_chores(slot)
    with bench.sessions.reading() as session:
        return session.get_one(tables.Chore, id)


@pytest.fixture
def science(bench: Bench) -> Place:
    """A slot for chores whose children are the real ones."""
    slot: Scripted = bench.slot("")
    fields = {field.name: getattr(slot, field.name) for field in dataclasses.fields(Place) if field.init}
    return Place(**{**fields, "lanes": ("chores",)})


def test_the_weights_of_a_running_job_are_taken_home_bit_for_bit(
    bench: Bench, science: Place, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    module = build("mlp", NETWORK.config, input=NETWORK.input, num_outputs=2)
    weights = dict(module.state_dict())
    facts = {"run": "student", "step": 12, "network": NETWORK.model_dump(mode="json"), "finished": {}}
    state = State(facts=facts)
    state.put("study", State({f"learner/weights/{name}": tensor for name, tensor in weights.items()}))
    job_id, checkpoint_id = with_checkpoint(bench, tmp_path, state)

    chore = promoted(bench, science, checkpoint_id)

    assert chore.status == "done", chore.error
    with bench.sessions.reading() as session:
        (artifact,) = artifacts(session, job_id)
    assert (artifact.kind, artifact.filename) == ("checkpoint", "student-step-12.zip")
    bench.store.fetch(artifact.sha256, tmp_path / "archive")
    with zipfile.ZipFile(io.BytesIO((tmp_path / "archive").read_bytes())) as archive:
        assert sorted(archive.namelist()) == ["config.json", "load.py", "student.safetensors"]
        taken = load(archive.read("student.safetensors"))
        assert json.loads(archive.read("config.json"))["network"]["architecture"] == "mlp"
    assert taken.keys() == weights.keys()
    assert all(torch.equal(taken[name], tensor) for name, tensor in weights.items())
    assert list((bench.settings.work_dir / "attempts").iterdir()) == []


def test_a_checkpoint_whose_bytes_were_changed_is_noticed_and_promoted_to_nothing(
    bench: Bench, science: Place, tmp_path: Path
) -> None:
    facts = {"run": "student", "step": 12, "network": NETWORK.model_dump(mode="json"), "finished": {}}
    job_id, checkpoint_id = with_checkpoint(bench, tmp_path, State({"x": torch.ones(1)}, facts))
    with bench.sessions.reading() as session:
        sha256 = session.get_one(tables.Checkpoint, checkpoint_id).sha256
    store = Path(bench.settings.store_url.removeprefix("file://"))
    (blob,) = store.rglob(sha256)
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")

    chore = promoted(bench, science, checkpoint_id)

    assert chore.status == "failed"
    assert chore.error is not None
    assert (chore.error["code"], chore.error["class"]) == ("checkpoint_damaged", "data")
    with bench.sessions.reading() as session:
        assert artifacts(session, job_id) == []


@pytest.mark.parametrize("name", ["manifest.json", "log.txt", "../student.zip"])
def test_a_process_cannot_pass_a_promotion_off_as_what_the_worker_writes(
    bench: Bench, tmp_path: Path, name: str
) -> None:
    _, checkpoint_id = with_checkpoint(bench, tmp_path, State({"x": torch.ones(1)}, {}))
    script = (
        "file = write('out/x', b'x')\n"
        f"file |= dict(kind='checkpoint', format='zip', filename={name!r}, media_type='application/zip')\n"
        "say(type='promoted', artifact=file)"
    )
    slot = dataclasses.replace(bench.slot(script), lanes=("chores",))

    chore = promoted(bench, slot, checkpoint_id)

    assert chore.status == "failed", chore.result
