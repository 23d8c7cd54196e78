"""What a request says about a network, held against what the network can take."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file

from distill.config.networks import Input, Preprocessing
from distill.rejection import Rejected
from tests.distill.inspect.uploads import DIGIT, bert_zip, cnn, inspected


@pytest.mark.parametrize(
    ("steps", "field"),
    [
        ({"crop": [9, 8]}, "crop"),
        ({"resize": [4, 4], "crop": [8, 8]}, "crop"),
        ({"channel_order": "bgr"}, "channel_order"),
        ({"mean": [0.1, 0.2]}, "mean"),
        ({"std": [0.1, 0.2, 0.3]}, "std"),
    ],
)
def test_preprocessing_that_an_image_cannot_go_through_is_refused(
    tmp_path: Path, steps: dict[str, Any], field: str
) -> None:
    request = {"architecture": "cnn", "config": {"depth": 3, "width": 4}, "input": DIGIT}

    with pytest.raises(Rejected) as refused:
        inspected(
            tmp_path,
            partial(save_file, cnn().state_dict()),
            **request,
            preprocessing=Preprocessing.model_validate(steps),
        )

    assert refused.value.code == "preprocessing_invalid"
    assert refused.value.details["pointer"] == f"/preprocessing/{field}"


@pytest.mark.parametrize(("length", "fits"), [(1, False), (2, False), (3, True)])
def test_a_length_leaves_room_for_a_token_of_the_text(tmp_path: Path, length: int, fits: bool) -> None:
    request = {"filename": "teacher.zip", "preprocessing": Preprocessing(max_length=length)}

    if fits:
        assert inspected(tmp_path, bert_zip, **request).network.input == Input(
            kind="text", shape=[length], dtype="int64"
        )
        return
    with pytest.raises(Rejected, match="adds 2 tokens") as refused:
        inspected(tmp_path, bert_zip, **request)
    assert refused.value.details["pointer"] == "/preprocessing/max_length"
