"""What a job is given, opened: who begins with which weights, and what they are to learn."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from distill import models
from distill.channel import StopAsked
from distill.config.events import Event, PhaseChanged, Resolved
from distill.config.folder import InspectDataset, RunJob
from distill.config.networks import Dataset, Input, Network, Preprocessing, Scale
from distill.fingerprint import fingerprint
from distill.opening import Opened, open_job
from tests.distill.conftest import Inspected
from tests.distill.folders import Heard, Stop, inspected, run, stage
from tests.distill.jobs import small

BYTES = Preprocessing(scale=1 / 255)
CNN: dict[str, Any] = {"architecture": "cnn", "config": {"depth": 4, "width": 4}}


def uploaded(folder: Path, dataset: Dataset, config: dict[str, Any], **facts: Any) -> Network:
    """A network with weights of its own, its file in `folder`."""
    architecture = facts.pop("architecture", "cnn")
    labels = facts.pop("labels", dataset.labels)
    outputs = facts.pop("num_outputs", len(dataset.labels))
    torch.manual_seed(5)
    seen = Input(kind=dataset.input.kind, shape=dataset.input.shape, dtype="float32")
    module = models.build(architecture, config, input=seen, num_outputs=outputs)
    folder.mkdir(parents=True)
    save_file(module.state_dict(), folder / "model.safetensors")
    return Network(
        task=dataset.task,
        architecture=architecture,
        config=config,
        labels=labels,
        num_outputs=outputs,
        input=dataset.input,
        files={"model.safetensors": "0"},
        **{"preprocessing": BYTES, **facts},
    )


def opened(folder: Path, warned: list[str] | None = None) -> Opened:
    request = RunJob.model_validate_json((folder / "in" / "request.json").read_bytes())
    return open_job(request, folder, lambda code, _: (warned if warned is not None else []).append(code))


def numbers(folder: Path) -> Dataset:
    rows = [f"{n},{n % 5},{1000 + n}" for n in range(60)] + [f"{n},1," for n in range(9)]
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "upload").write_text("\n".join(["a,b,label", *rows]))
    return inspected(InspectDataset(filename="x.csv", task="regression"), folder)


def test_a_student_of_every_layer_begins_as_its_teacher_in_the_order_of_the_labels(
    tmp_path: Path, digits: Inspected
) -> None:
    backward = digits.dataset.labels[::-1]
    teacher = uploaded(tmp_path / "t", digits.dataset, CNN["config"], labels=backward)
    document = small(teacher="t", student={"from_teacher": {"num_layers": 3}})
    job = opened(
        stage(
            tmp_path / "job",
            document,
            digits.dataset,
            digits.splits,
            teacher=teacher,
            teacher_files=tmp_path / "t",
        )
    )

    inputs, _ = job.validation.batch(torch.arange(4))
    student, again = (job.fresh_student(seed).eval()(inputs) for seed in (0, 1))

    assert job.uploaded_teacher is not None
    torch.testing.assert_close(student, job.uploaded_teacher(inputs).outputs)
    assert student.equal(again)


def test_a_student_that_starts_from_a_model_begins_as_that(tmp_path: Path, digits: Inspected) -> None:
    model = uploaded(tmp_path / "m", digits.dataset, CNN["config"])
    document = small(student={"model": "m"})
    job = opened(
        stage(tmp_path / "job", document, digits.dataset, digits.splits, student=(model, tmp_path / "m"))
    )

    inputs, _ = job.validation.batch(torch.arange(4))

    began = job.fresh_student(3).eval()(inputs)
    torch.testing.assert_close(began, models.load_network(model, tmp_path / "m")(inputs))


def test_a_job_without_an_uploaded_teacher_sees_what_the_model_that_it_starts_from_saw(
    tmp_path: Path, digits: Inspected
) -> None:
    own = Preprocessing(scale=1 / 255, mean=[0.3], std=[0.4])
    model = uploaded(tmp_path / "m", digits.dataset, CNN["config"], preprocessing=own)
    warned: list[str] = []
    job = opened(
        stage(
            tmp_path / "job",
            small(student={"model": "m"}),
            digits.dataset,
            digits.splits,
            student=(model, tmp_path / "m"),
        ),
        warned,
    )
    assert job.preprocessor.preprocessing == own
    assert job.student_network.preprocessing == job.teacher_network.preprocessing == own
    assert warned == []


def test_a_start_that_saw_another_normalization_than_the_teacher_is_named(
    tmp_path: Path, digits: Inspected
) -> None:
    own = Preprocessing(scale=1 / 255, mean=[0.3], std=[0.4])
    model = uploaded(tmp_path / "m", digits.dataset, CNN["config"], preprocessing=own)
    teacher = uploaded(tmp_path / "t", digits.dataset, CNN["config"])
    warned: list[str] = []
    opened(
        stage(
            tmp_path / "job",
            small(teacher="t", student={"model": "m"}),
            digits.dataset,
            digits.splits,
            teacher=teacher,
            teacher_files=tmp_path / "t",
            student=(model, tmp_path / "m"),
        ),
        warned,
    )
    assert "student_sees_other_numbers" in warned


def test_two_students_of_one_kind_that_teach_each_other_begin_differently(
    tmp_path: Path, digits: Inspected
) -> None:
    document = small(teacher={"mutual": CNN}, student=CNN)
    job = opened(stage(tmp_path / "job", document, digits.dataset, digits.splits))
    first, second = job.fresh_student(0).state_dict(), job.fresh_teacher(0).state_dict()
    assert first.keys() == second.keys()
    assert not first["classifier.weight"].equal(second["classifier.weight"])


def test_numbers_are_learned_in_a_space_that_only_the_seen_labels_make(tmp_path: Path) -> None:
    dataset = numbers(tmp_path / "data")
    mlp = {"architecture": "mlp", "config": {"depth": 2, "width": 8}}
    document = small(
        task="regression",
        teacher={"train": {**mlp, "training": {"steps": 2}}},
        student=mlp,
        labels={"count": 10},
    )
    job = opened(stage(tmp_path / "job", document, dataset, tmp_path / "data"))

    seen = job.train.labels[job.train.labeled_rows()]
    assert job.scale is not None
    assert len(seen) == 10
    assert abs(float(seen.mean())) < 1e-5
    assert abs(float(seen.std(correction=0)) - 1) < 1e-5
    assert job.student_network.scale == job.teacher_network.scale == job.scale
    learned = job.everything.labels[job.everything.labeled_rows()]
    in_units = learned * job.scale.std[0] + job.scale.mean[0]
    assert float(in_units.min()) >= 999.99
    assert float(in_units.max()) <= 1059.01


def test_a_start_that_answered_numbers_of_another_scale_goes_on_from_what_it_meant(tmp_path: Path) -> None:
    dataset = numbers(tmp_path / "data")
    scale = Scale(mean=[500.0], std=[40.0])
    config = {"depth": 2, "width": 8}
    model = uploaded(
        tmp_path / "m",
        dataset,
        config,
        architecture="mlp",
        scale=scale,
        preprocessing=Preprocessing(mean=[20.0]),
    )
    mlp = {"architecture": "mlp", "config": config}
    document = small(
        task="regression", teacher={"train": {**mlp, "training": {"steps": 2}}}, student={"model": "m"}
    )
    job = opened(
        stage(tmp_path / "job", document, dataset, tmp_path / "data", student=(model, tmp_path / "m"))
    )

    inputs, _ = job.validation.batch(torch.arange(4))
    meant = models.load_network(model, tmp_path / "m")(inputs)

    assert job.scale is not None
    began = job.fresh_student(0)(inputs) * job.scale.std[0] + job.scale.mean[0]
    torch.testing.assert_close(began, meant, atol=1e-3, rtol=1e-5)


def test_where_there_are_no_labels_the_teachers_embeddings_are_learned(
    tmp_path: Path, digits: Inspected
) -> None:
    dataset = digits.dataset.model_copy(update={"task": "feature-extraction", "labels": []})
    teacher = uploaded(tmp_path / "t", dataset, CNN["config"], labels=None, num_outputs=6)
    document = small(task="feature-extraction", teacher="t", labels={}, student=CNN)
    job = opened(
        stage(
            tmp_path / "job", document, dataset, digits.splits, teacher=teacher, teacher_files=tmp_path / "t"
        )
    )

    inputs, labels = job.validation.batch(torch.arange(5))

    assert job.student_network.num_outputs == 6
    assert job.uploaded_teacher is not None
    torch.testing.assert_close(labels, job.uploaded_teacher(inputs).outputs)
    assert job.train.labels.shape == (len(job.train), 6)


def test_the_stages_as_they_will_run_are_told_once_while_the_job_is_inspected(
    tmp_path: Path, digits: Inspected
) -> None:
    document = small(
        teacher={"train": {**CNN, "training": {"steps": 2}}}, student=CNN, losses=[{"kind": "hint"}]
    )

    class Hears(Heard):
        def send(self, event: Event) -> None:
            super().send(event)
            stop.now = event == PhaseChanged(name="inspecting", status="done")

    stop, heard = Stop(), Hears()
    with pytest.raises(StopAsked):
        run(stage(tmp_path / "job", document, digits.dataset, digits.splits), stop=stop, heard=heard)
    began, resolved, done = (event for event in heard.events if isinstance(event, PhaseChanged | Resolved))
    assert (began, done) == tuple(
        PhaseChanged(name="inspecting", status=status) for status in ("running", "done")
    )
    assert isinstance(resolved, Resolved)
    assert resolved.stages[0].losses[0].layers != "auto"


@pytest.mark.parametrize("change", ["teachers", "student", "document", "dataset"])
def test_a_checkpoint_belongs_to_one_document_one_dataset_and_the_very_same_networks(
    tmp_path: Path, digits: Inspected, change: str
) -> None:
    network = uploaded(tmp_path / "t", digits.dataset, CNN["config"])
    folder = stage(
        tmp_path / "job",
        small(teacher="t", student={"model": "m"}),
        digits.dataset,
        digits.splits,
        teacher=network,
        teacher_files=tmp_path / "t",
        student=(network, tmp_path / "t"),
    )
    request = RunJob.model_validate_json((folder / "in" / "request.json").read_bytes())
    other = network.model_copy(update={"files": {"model.safetensors": "another"}})
    train = request.dataset.splits["train"].model_copy(update={"sha256": "another"})
    changed = request.model_copy(
        update={
            "teachers": {"teachers": [other]},
            "student": {"student": other},
            "document": {"document": request.document.model_copy(update={"combine": "weighted"})},
            "dataset": {
                "dataset": request.dataset.model_copy(
                    update={"splits": {**request.dataset.splits, "train": train}}
                )
            },
        }[change]
    )
    assert fingerprint(request) == fingerprint(request.model_copy(update={"threads": 7}))
    assert fingerprint(request) != fingerprint(changed)
