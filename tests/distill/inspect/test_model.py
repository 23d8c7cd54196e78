"""Teachers as they come: nested, prefixed, renamed, half precision; and what does not fit."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from distill import models
from distill.config.networks import Input
from distill.preprocess import Preprocessor
from distill.rejection import Rejected
from tests.distill.inspect.uploads import AS_IMAGE, DIGIT, bert_zip, cnn, inspected

CNN: dict[str, Any] = {"architecture": "cnn", "config": {"depth": 3, "width": 4}, **AS_IMAGE}


def same_logits(folder: Path, answer: Any, module: torch.nn.Module) -> None:
    loaded = models.load_network(answer.network, folder / "out")
    images = torch.rand(2, 1, 8, 8)
    torch.testing.assert_close(loaded(images), module.eval()(images))


def test_a_safetensors_file_becomes_a_network_with_the_same_outputs(tmp_path: Path) -> None:
    module = cnn()
    answer = inspected(tmp_path, partial(save_file, module.state_dict()), **CNN)
    same_logits(tmp_path, answer, module)
    assert answer.parameters == models.parameters(module)
    assert answer.size_bytes == (tmp_path / "out/model.safetensors").stat().st_size
    assert [layer["name"] for layer in answer.layers][-1] == "classifier"


@pytest.mark.parametrize("nest", ["state_dict", "model", "ema"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "module._orig_mod.model."])
def test_nests_and_prefixes_are_found_stripped_and_reported(tmp_path: Path, nest: str, prefix: str) -> None:
    module = cnn()
    weights = {prefix + name: tensor for name, tensor in module.state_dict().items()}
    answer = inspected(tmp_path, partial(torch.save, {"epoch": 3, nest: weights}), **CNN)
    same_logits(tmp_path, answer, module)
    assert answer.report["found_in"] == nest
    assert answer.report["beside"] == ["epoch"]
    assert "".join(answer.report["stripped"]) == prefix


def test_a_state_dict_under_a_name_of_its_own_is_found_where_the_request_says(tmp_path: Path) -> None:
    module = cnn()
    held = {"student": cnn(4).state_dict(), "teacher": module.state_dict()}
    answer = inspected(tmp_path, partial(torch.save, held), **CNN, state_dict_key="teacher")
    same_logits(tmp_path, answer, module)


def test_own_names_are_mapped_by_regular_expressions_in_order(tmp_path: Path) -> None:
    module = cnn()
    weights = {
        name.replace("blocks.", "features.conv_").replace("classifier", "head"): tensor
        for name, tensor in module.state_dict().items()
    }
    rules = [(r"^features\.conv_(\d+)", r"blocks.\1"), ("^head", "classifier")]
    answer = inspected(tmp_path, partial(torch.save, weights), **CNN, key_map=rules)
    same_logits(tmp_path, answer, module)
    assert answer.report["mapped"]["head.weight"] == "classifier.weight"


def test_parameters_are_inferred_from_shapes_where_nobody_gave_them(tmp_path: Path) -> None:
    request = {**CNN, "config": None}
    answer = inspected(tmp_path, partial(save_file, cnn(6).state_dict()), **request)
    assert answer.network.config == {"depth": 6, "width": 4, "dropout": 0.0, "stages": None}
    assert answer.report["inferred"]["config"] == answer.network.config


def test_a_table_needs_no_input_since_the_first_layer_tells_it(tmp_path: Path) -> None:
    table = Input(kind="tabular", shape=[7], dtype="float32")
    module = models.build("mlp", {"depth": 10, "width": 5}, input=table, num_outputs=3)
    answer = inspected(tmp_path, partial(save_file, module.state_dict()), architecture="mlp")
    assert answer.network.input == table
    assert answer.network.num_outputs == 3


def test_a_table_that_comes_under_names_of_its_own_is_answered_with_these_names(tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(30, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2))
    with pytest.raises(Rejected) as refused:
        inspected(tmp_path, partial(torch.save, module.state_dict()), architecture="mlp", config={"width": 5})
    assert "layers.0.weight" in refused.value.details["missing"]
    assert "0.weight" in refused.value.details["unexpected"]


def test_half_precision_is_widened_and_reported(tmp_path: Path) -> None:
    answer = inspected(tmp_path, partial(torch.save, cnn().half().state_dict()), **CNN)
    written = load_file(tmp_path / "out/model.safetensors")
    assert {tensor.dtype for tensor in written.values()} == {torch.float32, torch.int64}
    assert answer.report["converted_to_float32"] == ["float16"]


def test_a_file_older_than_the_counters_of_batch_norm_still_loads(tmp_path: Path) -> None:
    module = cnn()
    weights = {
        name: tensor
        for name, tensor in module.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    answer = inspected(tmp_path, partial(torch.save, weights), **CNN)
    same_logits(tmp_path, answer, module)
    assert len(answer.report["filled"]) == 2


def test_an_official_resnet_file_loads_unmapped(tmp_path: Path) -> None:
    picture = Input(kind="image", shape=[3, 32, 32], dtype="uint8")
    module = models.build("resnet", {}, input=picture, num_outputs=1000)
    request = {**AS_IMAGE, "input": picture, "architecture": "resnet"}
    answer = inspected(tmp_path, partial(torch.save, module.state_dict()), **request)
    assert answer.network.config["layers"] == [2, 2, 2, 2]
    assert answer.report["mapped"] == {}


def test_a_bert_brings_its_tokenizer_labels_and_length(tmp_path: Path) -> None:
    answer = inspected(tmp_path, bert_zip)
    network = answer.network
    assert (network.task, network.labels) == ("text-classification", ["bad", "good"])
    assert network.preprocessing.max_length == 24
    assert network.preprocessing.tokenizer == network.files["tokenizer.json"]
    encode = Preprocessor.of(network.preprocessing, network.input, tmp_path / "out/tokenizer.json")
    module = models.load_network(network, tmp_path / "out")
    assert module(encode(["a good film", "bad"])).shape == (2, 2)
    assert not (tmp_path / "out/unpacked.safetensors").exists()


def test_a_mismatch_names_missing_unexpected_and_mis_shaped_keys_and_the_best_fit(tmp_path: Path) -> None:
    weights = cnn(6).state_dict()
    weights["extra.weight"] = torch.zeros(3)
    with pytest.raises(Rejected) as refused:
        inspected(tmp_path, partial(torch.save, weights), **CNN)
    details = refused.value.details
    assert refused.value.code == "weights_mismatch"
    assert "extra.weight" in details["unexpected"]
    assert details["mis_shaped"][0] == {
        "key": "blocks.1.conv.weight",
        "expected": [8, 4, 3, 3],
        "got": [4, 4, 3, 3],
    }
    assert details["best_matches"][0]["architecture"] == "cnn"
    assert details["best_matches"][0]["config"] == {"depth": 6, "width": 4}
    assert not list((tmp_path / "out").iterdir())


def test_at_most_fifty_keys_of_each_kind_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    weights = {f"layer.{number}": torch.zeros(1) for number in range(200)}
    with pytest.raises(Rejected) as refused:
        inspected(tmp_path, partial(torch.save, weights), **CNN)
    assert len(refused.value.details["unexpected"]) == 50
    assert refused.value.details["counts"]["unexpected"] == 200


@pytest.mark.parametrize(
    ("architecture", "config", "seen"),
    [
        ("cnn", {"depth": 6, "width": 4, "dropout": 0.0, "stages": None}, DIGIT),
        ("mlp", {"depth": 10, "width": 9, "dropout": 0.0}, DIGIT),
        ("resnet", {"block": "bottleneck", "layers": [1, 2], "width": 8, "stem": "cifar"}, DIGIT),
    ],
)
def test_bare_weights_without_architecture_are_answered_with_the_best_match(
    tmp_path: Path, architecture: str, config: dict[str, Any], seen: Input
) -> None:
    module = models.build(architecture, config, input=seen, num_outputs=10)
    with pytest.raises(Rejected) as refused:
        inspected(tmp_path, partial(torch.save, module.state_dict()))
    best = refused.value.details["best_matches"][0]
    assert refused.value.code == "architecture_missing"
    assert refused.value.details["pointer"] == "/architecture"
    assert (best["architecture"], best["fits"]) == (architecture, 1.0)
    assert best["config"].items() <= config.items()


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"architecture": "vgg"}, "unknown_architecture", "/architecture"),
        ({"config": {"depth": 0}}, "configuration_invalid", "/config/depth"),
        ({"config": {"dept": 3}}, "configuration_invalid", "/config/dept"),
        ({"input": None}, "input_missing", "/input"),
        ({"preprocessing": None}, "preprocessing_missing", "/preprocessing"),
        ({"preprocessing": {"mean": [0.1, 0.2]}}, "preprocessing_invalid", "/preprocessing/mean"),
        ({"labels": ["a", "b"]}, "labels_mismatch", "/labels"),
        ({"labels": ["a"] * 10}, "labels_mismatch", "/labels"),
        ({"task": "text-classification"}, "task_mismatch", "/task"),
        ({"key_map": [("(", "x")]}, "key_map_invalid", "/key_map/0"),
        ({"format": "huggingface"}, "format_mismatch", "/format"),
    ],
)
def test_what_the_request_lacks_or_gets_wrong_is_answered_with_its_place(
    tmp_path: Path, change: dict[str, Any], code: str, pointer: str
) -> None:
    with pytest.raises(Rejected) as refused:
        inspected(tmp_path, partial(torch.save, cnn().state_dict()), **{**CNN, **change})
    assert (refused.value.code, refused.value.details["pointer"]) == (code, pointer)


@pytest.mark.parametrize("besides", [{"architecture": "cnn"}, {"config": {"depth": 2}}, {"input": DIGIT}])
def test_what_is_said_beside_a_zip_that_says_it_itself_is_refused(
    tmp_path: Path, besides: dict[str, Any]
) -> None:
    with pytest.raises(Rejected, match="says which network it holds") as refused:
        inspected(tmp_path, bert_zip, **besides)
    assert refused.value.details["pointer"] == f"/{next(iter(besides))}"


def test_a_zip_may_be_called_what_it_is(tmp_path: Path) -> None:
    assert inspected(tmp_path, bert_zip, architecture="huggingface").network.architecture == "huggingface"


def test_names_that_would_collide_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="would both be called"):
        inspected(tmp_path, partial(torch.save, cnn().state_dict()), **CNN, key_map=[(r"\d", "0")])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_named(tmp_path: Path, value: float) -> None:
    weights = cnn().state_dict()
    weights["classifier.bias"][3] = value
    with pytest.raises(Rejected, match=re.escape("'classifier.bias' holds NaN or infinite values")):
        inspected(tmp_path, partial(torch.save, weights), **CNN)
    assert not list((tmp_path / "out").iterdir())
