"""What a process finds of the networks that its job needs, and what it says that `auto` came to."""

from pathlib import Path

from distill.config.networks import Input, Network
from ledger import blobs, tables
from ledger.identifiers import new_id
from ledger.states import InputStatus
from tests.worker.bench import Bench
from tests.worker.scripted import keep
from worker.run import run_jobs

SHOW = (
    "for part in ('teachers/0', 'teachers/1', 'student'):\n"
    "    print(part, open(f'in/{part}/model.safetensors').read(), flush=True)\n"
    "request = json.load(open('in/request.json'))\n"
    "print([one['config'] for one in (*request['teachers'], request['student'])], flush=True)\n"
)


def ready_model(bench: Bench, name: str, *, width: int, at: Path) -> None:
    """A network that was inspected; its weights are a word."""
    sha256 = keep(bench.sessions, bench.store, f"weights of {name}".encode(), at)
    network = Network(
        task="image-classification",
        architecture="mlp",
        config={"width": width},
        labels=["0", "1"],
        num_outputs=2,
        input=Input(kind="image", shape=[1, 8, 8], dtype="uint8"),
        files={"model.safetensors": sha256},
    )
    row = tables.Model(
        id=new_id("mdl_"),
        project_id=bench.project_id,
        name=name,
        version=1,
        status=InputStatus.READY,
        declared={},
        network=network.model_dump(mode="json"),
    )
    with bench.sessions.writing() as session:
        session.add(row)
        session.flush()
        blobs.refer(session, row.id, [sha256])


def test_every_teacher_and_the_student_are_staged_in_the_order_of_the_document(
    bench: Bench, tmp_path: Path
) -> None:
    for width, name in enumerate(("large", "small", "start")):
        ready_model(bench, name, width=width, at=tmp_path / name)
    teachers = [{"model": "small"}, {"model": "large"}]
    job_id = bench.submit(teacher=None, teachers=teachers, student={"model": "start"})
    run_jobs(bench.slot(SHOW + "finish()"))
    assert bench.job(job_id).status == "succeeded", bench.log(job_id)
    assert bench.log(job_id).splitlines() == [
        "teachers/0 weights of small",
        "teachers/1 weights of large",
        "student weights of start",
        "[{'width': 1}, {'width': 0}, {'width': 2}]",
    ]


def test_what_gates_put_the_student_beside_is_staged_and_named_as_its_user_called_it(
    bench: Bench, tmp_path: Path
) -> None:
    for width, name in enumerate(("old", "older")):
        ready_model(bench, name, width=width, at=tmp_path / name)
    beside = [{"metric": "accuracy", "relative_to": name, "min": 1} for name in ("older", "teacher", "old")]
    job_id = bench.submit(gates=beside)
    run_jobs(
        bench.slot(
            "for place, each in enumerate(json.load(open('in/request.json'))['incumbents']):\n"
            "    weights = open(f'in/incumbents/{place}/model.safetensors').read()\n"
            "    print(each['said'], each['name'], each['version'], each['network']['config'], weights, "
            "flush=True)\n"
            "finish()"
        )
    )
    assert bench.job(job_id).status == "succeeded", bench.log(job_id)
    assert bench.log(job_id).splitlines() == [
        "older older 1 {'width': 1} weights of older",
        "old old 1 {'width': 0} weights of old",
    ]


def test_the_stages_shown_are_those_that_run_and_the_next_attempt_begins_with_those_written(
    bench: Bench,
) -> None:
    stages = [{"name": "hints", "losses": [{"kind": "hint", "layers": "auto"}]}]
    job_id = bench.submit(stages=stages)
    run_jobs(
        bench.slot(
            "stages = json.load(open('in/request.json'))['document']['stages']\n"
            "print(stages[0]['losses'][0]['layers'], flush=True)\n"
            "stages[0]['losses'][0]['layers'] = [{'student': 'a', 'teacher': 'b'}]\n"
            "say(type='resolved', stages=stages)\n"
            "if resumed(): finish()\n"
            "else: checkpoint(40, b'state'); os.kill(os.getpid(), 9)"
        )
    )
    job = bench.job(job_id)
    assert job.status == "succeeded", job.error
    assert job.resolved_spec["stages"][0]["losses"][0]["layers"] == [{"student": "a", "teacher": "b"}]
    assert [bench.log(job_id, attempt) for attempt in (1, 2)] == ["auto\n", "auto\n"]
