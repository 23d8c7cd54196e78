"""Teachers for every task: what their files say of the last layer, and what the request must."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save, save_file

from distill import models
from distill.config.networks import Input, Preprocessing
from distill.preprocess import Preprocessor
from distill.rejection import Rejected
from tests.distill.inspect.uploads import AS_IMAGE, BERT, DIGIT, bert_zip, inspected

TEXT = Input(kind="text", shape=[24], dtype="int64")
SHAPE = {key: value for key, value in BERT.items() if key not in ("architectures", "id2label")}
MODULES = [
    {"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
]


def bert(head: str, *, outputs: int, pooler: bool = False) -> bytes:
    module = models.build("huggingface", SHAPE | {"head": head}, input=TEXT, num_outputs=outputs)
    weights = module.state_dict()
    if pooler:
        weights |= {"pooler.dense.weight": torch.ones(16, 16), "pooler.dense.bias": torch.ones(16)}
    return save(weights)


def uploaded(folder: Path, kind: str, weights: bytes, *, request: Any = None, **change: Any) -> Any:
    files = change.pop("files", {})
    write = partial(bert_zip, change={"architectures": [kind], **change}, model__safetensors=weights, **files)
    return inspected(folder, write, filename="teacher.zip", **(request or {}))


def sentences(**pooling: Any) -> dict[str, bytes]:
    return {
        "modules__json": json.dumps(MODULES[: 2 + pooling.pop("normalized", 0)]).encode(),
        "1_Pooling/config__json": json.dumps({"word_embedding_dimension": 16, **pooling}).encode(),
        "sentence_bert_config__json": b'{"max_seq_length": 12}',
    }


def test_a_network_for_tags_brings_their_names_and_answers_every_token(tmp_path: Path) -> None:
    names = {"0": "O", "1": "B-LOC", "2": "I-LOC"}
    answer = uploaded(tmp_path, "BertForTokenClassification", bert("token", outputs=3), id2label=names)

    network = answer.network
    assert (network.task, network.labels) == ("token-classification", ["O", "B-LOC", "I-LOC"])
    encode = Preprocessor.of(network.preprocessing, network.input, tmp_path / "out/tokenizer.json")
    tokens = encode([["good", "film"]])
    assert models.load_network(network, tmp_path / "out")(tokens).shape == (1, 4, 3)


@pytest.mark.parametrize("pooler", [False, True])
def test_a_bare_bert_is_an_embedding_and_its_pooler_is_left_out(tmp_path: Path, pooler: bool) -> None:
    answer = uploaded(tmp_path, "BertModel", bert("embedding", outputs=16, pooler=pooler))
    network = answer.network
    assert (network.task, network.labels, network.num_outputs) == ("feature-extraction", None, 16)
    assert (network.config["pooling"], network.config["normalize"]) == ("mean", False)
    assert answer.report["dropped"] == (["pooler.dense.bias", "pooler.dense.weight"] if pooler else [])
    assert "pooler.dense" not in str(models.load_network(network, tmp_path / "out").state_dict().keys())


@pytest.mark.parametrize(
    ("files", "pooling", "normalize"),
    [
        (sentences(pooling_mode_mean_tokens=True, pooling_mode_cls_token=False), "mean", False),
        (sentences(pooling_mode_mean_tokens=False, pooling_mode_cls_token=True, normalized=1), "cls", True),
        (sentences(pooling_mode="cls", include_prompt=True), "cls", False),
    ],
)
def test_a_folder_of_sentence_transformers_says_how_it_pools_and_how_long_its_texts_are(
    tmp_path: Path, files: dict[str, bytes], pooling: str, normalize: bool
) -> None:
    network = uploaded(tmp_path, "BertModel", bert("embedding", outputs=16), files=files).network
    assert (network.config["pooling"], network.config["normalize"]) == (pooling, normalize)
    assert network.preprocessing.max_length == 12


def test_where_the_folder_does_not_say_how_it_pools_the_request_may(tmp_path: Path) -> None:
    request = {"config": {"pooling": "cls", "normalize": True}}
    network = uploaded(tmp_path, "BertModel", bert("embedding", outputs=16), request=request).network
    assert (network.config["pooling"], network.config["normalize"]) == ("cls", True)


@pytest.mark.parametrize(
    ("kind", "head", "files"),
    [
        ("BertModel", "embedding", sentences(pooling_mode="mean")),
        ("BertForSequenceClassification", "sequence", {}),
    ],
)
def test_where_the_files_say_it_the_request_may_not(
    tmp_path: Path, kind: str, head: str, files: dict[str, bytes]
) -> None:
    with pytest.raises(Rejected, match=r"config\.pooling cannot say so too") as refused:
        uploaded(tmp_path, kind, bert(head, outputs=16), files=files, request={"config": {"pooling": "cls"}})
    assert refused.value.details["pointer"] == "/config/pooling"


@pytest.mark.parametrize(
    "files",
    [
        sentences(pooling_mode_mean_tokens=True, pooling_mode_max_tokens=True),
        sentences(pooling_mode_max_tokens=True),
        sentences(pooling_mode=["mean"]),
        sentences(),
        sentences(pooling_mode="mean")
        | {"modules__json": b'[{"type": "a.Transformer"}, {"type": "a.Dense"}]'},
        sentences(pooling_mode="mean") | {"modules__json": b"7"},
    ],
)
def test_an_embedding_made_otherwise_is_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    with pytest.raises(Rejected) as refused:
        uploaded(tmp_path, "BertModel", bert("embedding", outputs=16), files=files)
    assert refused.value.code == "unsupported_model"


@pytest.mark.parametrize(
    ("outputs", "change", "asked", "task"),
    [
        (2, {}, None, "text-classification"),
        (2, {"problem_type": "single_label_classification"}, None, "text-classification"),
        (3, {"problem_type": "multi_label_classification"}, None, "multi-label-classification"),
        (3, {"problem_type": "regression"}, None, "regression"),
        (1, {"id2label": {"0": "LABEL_0"}}, None, "regression"),
        (1, {"id2label": None, "num_labels": 1}, None, "regression"),
        (3, {}, "multi-label-classification", "multi-label-classification"),
        (3, {}, "regression", "regression"),
    ],
)
def test_the_task_of_one_answer_for_a_text_is_that_of_the_file_or_the_request(
    tmp_path: Path, outputs: int, change: dict[str, Any], asked: str | None, task: str
) -> None:
    names = {str(at): f"n{at}" for at in range(outputs)}
    answer = uploaded(
        tmp_path,
        "BertForSequenceClassification",
        bert("sequence", outputs=outputs),
        request={"task": asked},
        **{"id2label": names, **change},
    )
    assert (answer.network.task, answer.network.num_outputs) == (task, outputs)
    assert answer.network.labels == (None if "id2label" in change else list(names.values()))


@pytest.mark.parametrize(
    ("kind", "head", "change", "asked"),
    [
        ("BertForSequenceClassification", "sequence", {}, "token-classification"),
        ("BertForSequenceClassification", "sequence", {}, "feature-extraction"),
        ("BertForSequenceClassification", "sequence", {}, "image-classification"),
        ("BertForSequenceClassification", "sequence", {"problem_type": "regression"}, "text-classification"),
        ("BertForTokenClassification", "token", {}, "text-classification"),
        ("BertModel", "embedding", {}, "regression"),
    ],
)
def test_a_task_that_the_file_contradicts_is_refused(
    tmp_path: Path, kind: str, head: str, change: dict[str, Any], asked: str
) -> None:
    with pytest.raises(Rejected) as refused:
        uploaded(tmp_path, kind, bert(head, outputs=2), request={"task": asked}, **change)
    assert (refused.value.code, refused.value.details["pointer"]) == ("task_mismatch", "/task")


TABLE = Input(kind="tabular", shape=[7], dtype="float32")


@pytest.mark.parametrize(
    ("task", "outputs", "labels"),
    [
        ("regression", 1, None),
        ("regression", 2, ["up", "down"]),
        ("multi-label-classification", 1, ["spam"]),
        ("multi-label-classification", 5, list("abcde")),
        ("feature-extraction", 1, None),
        ("feature-extraction", 32, None),
    ],
)
def test_a_bare_state_dict_is_for_the_task_that_the_request_names(
    tmp_path: Path, task: str, outputs: int, labels: list[str] | None
) -> None:
    module = models.build("mlp", {"depth": 3, "width": 5}, input=TABLE, num_outputs=outputs)
    write = partial(save_file, module.state_dict())
    network = inspected(tmp_path, write, architecture="mlp", task=task, labels=labels).network
    assert (network.task, network.labels, network.num_outputs) == (task, labels, outputs)
    assert network.input == TABLE


@pytest.mark.parametrize("task", ["regression", "multi-label-classification", "feature-extraction"])
@pytest.mark.parametrize("architecture", ["cnn", "resnet"])
def test_images_may_have_every_target(tmp_path: Path, architecture: str, task: str) -> None:
    config = {"cnn": {"depth": 3, "width": 4}, "resnet": {"layers": [1], "width": 4, "stem": "cifar"}}
    module = models.build(architecture, config[architecture], input=DIGIT, num_outputs=1)
    request = {**AS_IMAGE, "architecture": architecture, "task": task}
    network = inspected(tmp_path, partial(torch.save, module.state_dict()), **request).network
    assert (network.task, network.num_outputs) == (task, 1)


@pytest.mark.parametrize(
    ("request_", "code", "pointer"),
    [
        ({"task": "feature-extraction", "labels": ["a"] * 3}, "labels_mismatch", "/labels"),
        ({"task": "regression", "labels": ["a"]}, "labels_mismatch", "/labels"),
        ({"task": "token-classification"}, "task_mismatch", "/task"),
        ({"task": "text-classification"}, "task_mismatch", "/task"),
        ({"task": "image-classification", "input": TABLE}, "task_mismatch", "/task"),
    ],
)
def test_what_does_not_go_with_the_task_is_answered_with_its_place(
    tmp_path: Path, request_: dict[str, Any], code: str, pointer: str
) -> None:
    module = models.build("mlp", {"depth": 2, "width": 5}, input=TABLE, num_outputs=3)
    with pytest.raises(Rejected) as refused:
        inspected(tmp_path, partial(save_file, module.state_dict()), architecture="mlp", **request_)
    assert (refused.value.code, refused.value.details["pointer"]) == (code, pointer)


def test_one_output_is_too_few_for_a_classifier(tmp_path: Path) -> None:
    module = models.build("mlp", {"depth": 2, "width": 5}, input=TABLE, num_outputs=1)
    with pytest.raises(Rejected, match="the last layer has 1 output;"):
        inspected(tmp_path, partial(save_file, module.state_dict()), architecture="mlp")


@pytest.mark.parametrize(
    ("head", "task"),
    [
        ("sequence", "text-classification"),
        ("token", "token-classification"),
        ("embedding", "feature-extraction"),
    ],
)
def test_bare_weights_of_a_bert_tell_their_head_by_their_names(tmp_path: Path, head: str, task: str) -> None:
    outputs = 16 if head == "embedding" else 3
    answer = inspected(
        tmp_path,
        lambda path: path.write_bytes(bert(head, outputs=outputs)),
        architecture="huggingface",
        config=SHAPE,
        input=TEXT,
        preprocessing=Preprocessing(max_length=24),
    )
    assert (answer.network.task, answer.network.config["head"]) == (task, head)
    assert answer.network.num_outputs == outputs
