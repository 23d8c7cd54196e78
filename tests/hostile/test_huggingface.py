"""Hostile Hugging Face archives: nothing in them is imported, and each is refused with a sentence."""

import re
from typing import Any

import pytest

from tests.distill.inspect.uploads import bert_zip
from tests.hostile.conftest import Judge
from tests.hostile.refusing import MEMORY
from tests.hostile.test_safetensors import SAFETENSORS

ARCHIVES: dict[str, tuple[dict[str, Any], str]] = {
    "code that the configuration names": ({"change": {"auto_map": {"AutoModel": "x.py"}}}, "code_in_file"),
    "a json.py of its own": ({"json__py": b"raise SystemExit"}, "code_in_file"),
    "a library of its own": ({"torch__so": b"x"}, "code_in_file"),
    "pickled weights alone": (
        {"model__safetensors": None, "pytorch_model__bin": b"\x80\x02."},
        "incomplete_archive",
    ),
    "no tokenizer": ({"vocab__txt": None}, "incomplete_archive"),
    "a configuration that is no JSON": ({"config__json": b"{"}, "unreadable_file"),
    "a configuration nested too deep": ({"config__json": b"[" * 100_000}, "unreadable_file"),
    "a configuration of megabytes": ({"config__json": b" " * 2_000_000 + b"{}"}, "too_large"),
    "two billion layers": ({"change": {"num_hidden_layers": 2_000_000_000}}, "configuration_invalid"),
    "a hidden size of text": ({"change": {"hidden_size": "sixteen"}}, "configuration_invalid"),
    "an activation of its own": ({"change": {"hidden_act": "os.system"}}, "configuration_invalid"),
    "heads that do not divide": ({"change": {"num_attention_heads": 3}}, "configuration_invalid"),
    "a vocabulary smaller than its tokenizer": ({"change": {"vocab_size": 2}}, "vocabulary_mismatch"),
    "another kind of model": ({"change": {"model_type": "gpt2"}}, "unsupported_model"),
    "another head": ({"change": {"architectures": ["BertForMaskedLM"]}}, "unsupported_model"),
    "an architecture that is no name": ({"change": {"architectures": [{"a": 1}]}}, "unsupported_model"),
    "architectures that are none": ({"change": {"architectures": 7}}, "unsupported_model"),
    "a problem of its own": ({"change": {"problem_type": "os.system"}}, "unsupported_model"),
    "modules nested too deep": (
        {"change": {"architectures": ["BertModel"]}, "modules__json": b"[" * 100_000},
        "unreadable_file",
    ),
    "modules that name code": (
        {"change": {"architectures": ["BertModel"]}, "modules__json": b'[{"type": "os.system"}]'},
        "unsupported_model",
    ),
    "a tokenizer that is none": ({"tokenizer__json": b'{"model": {}}'}, "tokenizer_unreadable"),
    "a vocabulary without its marks": ({"vocab__txt": b"a\nb"}, "tokenizer_unreadable"),
    "weights of another network": ({"change": {"num_hidden_layers": 3}}, "weights_mismatch"),
    "weights that lie": ({"model__safetensors": SAFETENSORS["a shape of a trillion"]}, "unreadable_file"),
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_hugging_face_archive_that_lies_is_refused(judge: Judge, kind: str) -> None:
    members, code = ARCHIVES[kind]
    request = {"command": "inspect-model", "filename": "teacher.zip"}
    answer = judge(lambda path: bert_zip(path, **members), **request)
    assert (answer["outcome"], answer.get("code")) == ("rejected", code), answer
    assert answer["more_memory"] < MEMORY


def test_weights_that_unpack_to_a_hundred_megabytes_are_refused(judge: Judge) -> None:
    bomb = bytes(100_000_000)
    answer = judge(
        lambda path: bert_zip(path, model__safetensors=bomb), command="inspect-model", filename="t.zip"
    )
    assert answer["code"] == "zip_bomb"


def test_a_key_that_fetches_kernels_is_left_out(judge: Judge) -> None:
    change = {"_attn_implementation_internal": "evil/kernel", "attn_implementation": "evil/kernel"}
    answer = judge(lambda path: bert_zip(path, change=change), command="inspect-model", filename="t.zip")
    assert answer["outcome"] == "accepted", answer
    assert not re.search("evil", str(answer["network"]))
