"""Cards of every task, read as the Hugging Face hub reads them, as far as that goes without a network."""

from typing import Any

import pytest
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results
from huggingface_hub.utils import validate_repo_id

from distill.card import card
from distill.card.metadata import METRICS, yaml
from distill.config.folder import Registered, Registry
from distill.config.networks import Dataset, Input, Network, Split
from distill.config.tasks import TASKS, Task
from tests.distill.report.made import Made

INPUTS = {
    "image": Input(kind="image", shape=[1, 8, 8], dtype="uint8"),
    "tabular": Input(kind="tabular", shape=[3], dtype="float32"),
    "text": Input(kind="text", shape=[16], dtype="int64"),
}
SPLIT = Split(file="x.safetensors", sha256="ab" * 32, examples=60, labeled=60, class_counts=[])
DATASET = Registered(id="dst_1", name="digits", version=3, license="CC-BY-4.0")


def teacher(license: str | None = "mit", *, name: str = "big") -> Registered:
    return Registered(id="mdl_1", name=name, version=2, license=license)


def registry(*teachers: Registered, **more: Any) -> Registry:
    return Registry(teachers=list(teachers), dataset=DATASET, **more)


def written(
    made: Made,
    known: Registry,
    *,
    conclusion: str = "no_gate",
    labels: list[str] | None = None,
    **result: Any,
) -> str:
    exports = {"safetensors": made.export(preprocessing={"where": "inside"}, files=[])}
    report = made.report(**{"exports": exports, **result})
    taken = INPUTS[TASKS[made.task].inputs[0]]
    network = Network(
        task=made.task,
        architecture="mlp",
        config={},
        labels=(labels or made.names) or None,
        num_outputs=4,
        input=taken,
    )
    dataset = Dataset(
        task=made.task, labels=made.names, input=taken, splits=dict.fromkeys(("train", "test"), SPLIT)
    )
    return card(report, network, dataset=dataset, registry=known, conclusion=conclusion)


@pytest.mark.parametrize("task", list(TASKS))
def test_the_hub_understands_the_card_of_every_task(task: Task) -> None:
    made = Made(task)

    read = ModelCard(written(made, registry(teacher("Apache-2.0"))))

    assert read.data.license == "apache-2.0"
    assert {"distillation", "limbeck", "safetensors", task} <= set(read.data.tags)
    assert len(read.data.tags) == len(set(read.data.tags))
    name, results = model_index_to_eval_results(read.data.to_dict()["model-index"])
    assert name == "job"
    main = made.science.main_figure
    figures = {result.metric_name: result.metric_value for result in results}
    assert figures[main] == pytest.approx(made.measured["student"].figures[main], abs=1e-6)
    assert {result.metric_type for result in results} == set(read.data.metrics) <= set(METRICS.values())
    assert {(result.dataset_name, result.dataset_split) for result in results} == {("digits", "test")}
    for dataset in read.data.datasets:
        validate_repo_id(dataset)
    assert read.text.lstrip().startswith("# job\n")


def test_a_dataset_whose_name_the_hub_could_not_have_is_named_in_the_figures_alone() -> None:
    odd = DATASET.model_copy(update={"name": "a--b"})
    read = ModelCard(written(Made("regression"), Registry(dataset=odd)))
    assert "datasets" not in read.data.to_dict()
    assert read.data.eval_results[0].dataset_name == "a--b"


@pytest.mark.parametrize(
    ("licenses", "metadata", "sentence"),
    [
        (["mit"], {"license": "mit"}, "under the license of what it was made of: mit"),
        (["MIT", "mit"], {"license": "mit"}, "under the license of what it was made of"),
        (
            ["mit", "Our <b>own</b> terms"],
            {"license": "other", "license_name": "mit-and-our-b-own-b-terms"},
            "each of them binds it: mit, Our \\<b\\>own\\</b\\> terms",
        ),
        ([None], {"license": "unknown"}, "Nobody told the license of **big** version 2 (`mdl_1`)"),
        (["mit", None], {"license": "unknown"}, "Nobody told the license of"),
        ([], {"license": "unknown"}, "No model of somebody else's is in it"),
    ],
)
def test_the_license_is_that_of_every_model_in_it_or_said_to_be_untold(
    licenses: list[str | None], metadata: dict[str, str], sentence: str
) -> None:
    content = written(Made("regression"), registry(*map(teacher, licenses)))

    read = ModelCard(content).data.to_dict()
    assert {name: read[name] for name in ("license", "license_name") if name in read} == metadata
    assert sentence in content.partition("## License")[2]


def test_what_the_student_started_from_has_a_say_in_its_license() -> None:
    start = teacher("gpl-3.0", name="start")
    read = ModelCard(written(Made("regression"), registry(teacher("mit"), student=start)))
    assert (read.data.license, read.data.license_name) == ("other", "gpl-3.0-and-mit")
    assert "It did not start from nothing, but from **start** version 2" in read.text


def test_figures_stand_with_their_intervals_and_verdicts_with_their_words() -> None:
    made = Made("image-classification")
    report = made.report()
    student = report["main_figures"]["student"]

    content = written(made, registry(), conclusion="gate_failed", distillation="helped")

    assert f"{student['value']:.4g} [{student['low']:.4g}, {student['high']:.4g}]" in content
    assert "Distillation helped" in content
    assert "**It failed a gate of its job.**" in content
    assert "license: CC-BY-4.0" in content


def test_gates_are_told_with_their_bounds() -> None:
    gate = {
        **{"metric": "accuracy", "on": "student", "relative_to": "teacher", "compare": "ratio"},
        **{"min": 0.97, "max": None, "value": 0.98, "low": 0.95, "high": 1.0, "n": 60},
        "verdict": "inconclusive",
    }
    content = written(Made("image-classification"), registry(), gates=[gate])
    assert "| accuracy | student | teacher | at least 0.97 | 0.98 [0.95, 1] | inconclusive |" in content


def test_a_failed_file_says_why_and_is_not_shown_how_to_load() -> None:
    made = Made("image-classification")
    failed = made.export(
        status="failed", reason="it answers otherwise", preprocessing={"where": "inside"}, accuracy=None
    )
    exports = {"safetensors": made.export(preprocessing={}), "onnx": failed}

    content = written(made, registry(), conclusion="export_failed", exports=exports)

    assert "**onnx failed**: it answers otherwise." in content
    assert "onnxruntime" not in content
    assert "load.load" in content


@pytest.mark.parametrize(
    ("form", "files", "told"),
    [
        ("onnx-int8", ["student-int8.onnx"], 'InferenceSession("student-int8.onnx")'),
        ("huggingface", ["huggingface/config.json"], 'from_pretrained("huggingface")'),
        ("executorch", ["student.pte"], 'load_program("student.pte")'),
    ],
)
def test_every_format_says_how_it_is_loaded(form: str, files: list[str], told: str) -> None:
    made = Made("text-classification")
    export = made.export(files=[{"file": name} for name in files], preprocessing={"where": "outside"})
    assert told in written(made, registry(), exports={form: export})


def test_words_of_a_user_are_neither_markdown_nor_html() -> None:
    evil = ["<script>alert(1)</script>", "a|b\n## License", "[x](http://evil)"]
    warnings = [{"code": "x", "message": "</td>`rm`"}]
    content = written(Made("image-classification"), registry(), labels=evil, warnings=warnings)

    assert "<script>" not in content
    assert "</td>" not in content
    assert "\\[x\\](http" in content
    assert content.count("\n## License\n") == 1


def test_yaml_is_read_as_it_was_meant() -> None:
    fields = {
        "word": "yes",
        "number": 1e-05,
        "list": ["1e3", "no"],
        "deep": [{"a": {"b": [{"c": 1}, {"c": 2.5}]}}],
    }
    read = ModelCard(f"---\n{yaml(fields)}---\n").data.to_dict()
    assert read == {**fields, "number": pytest.approx(1e-05)}


def test_a_job_without_a_service_says_what_it_knows() -> None:
    content = written(Made("feature-extraction"), Registry())
    assert ModelCard(content).data.license == "unknown"
    assert "Its job did not say what its teacher is called." in content
