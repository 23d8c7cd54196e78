"""What the first layer sees of a stored example."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from distill.config.networks import Input, Network, Preprocessing
from distill.export import standalone
from distill.preprocess import Preprocessor, measured_on, require_room_to_crop, view
from distill.rejection import Rejected

PICTURE = Input(kind="image", shape=[3, 4, 6], dtype="uint8")
TABLE = Input(kind="tabular", shape=[2], dtype="float32")


def test_pixels_are_scaled_then_centered_then_spread() -> None:
    steps = Preprocessing(scale=1 / 255, mean=[0.5, 0.0, 0.0], std=[0.5, 1.0, 2.0])
    seen = Preprocessor.of(steps, PICTURE)(torch.full((1, 3, 4, 6), 255, dtype=torch.uint8))
    assert isinstance(seen, torch.Tensor)
    torch.testing.assert_close(seen[0, :, 0, 0], torch.tensor([1.0, 1.0, 0.5]))


def test_mean_and_std_are_in_the_order_of_channels_that_the_network_sees() -> None:
    red = torch.zeros(1, 3, 4, 6, dtype=torch.uint8)
    red[:, 0] = 10
    seen = Preprocessor.of(Preprocessing(channel_order="bgr", mean=[0.0, 0.0, 4.0]), PICTURE)(red)
    assert isinstance(seen, torch.Tensor)
    assert seen[0, :, 0, 0].tolist() == [0.0, 0.0, 6.0]


def test_a_crop_takes_the_middle_and_the_view_says_its_shape() -> None:
    steps = Preprocessing(crop=[2, 2])
    image = torch.arange(24, dtype=torch.uint8).view(1, 1, 4, 6).expand(1, 3, 4, 6)
    seen = Preprocessor.of(steps, PICTURE)(image)
    assert isinstance(seen, torch.Tensor)
    assert seen[0, 0].tolist() == [[8.0, 9.0], [14.0, 15.0]]
    assert view(PICTURE, steps).shape == [3, 2, 2]


def test_a_resize_gives_every_image_the_shape_of_the_view() -> None:
    steps = Preprocessing(resize=[8, 8])
    seen = Preprocessor.of(steps, PICTURE)(torch.zeros(2, 3, 4, 6, dtype=torch.uint8))
    assert isinstance(seen, torch.Tensor)
    assert list(seen.shape[1:]) == view(PICTURE, steps).shape == [3, 8, 8]


def test_features_measured_on_train_come_out_with_mean_0_and_spread_1() -> None:
    table = torch.randn(500, 2) * torch.tensor([3.0, 0.1]) + torch.tensor([100.0, -1.0])
    seen = Preprocessor.of(measured_on(table, TABLE), TABLE)(table)
    assert isinstance(seen, torch.Tensor)
    torch.testing.assert_close(seen.mean(0), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(seen.std(0, correction=0), torch.ones(2), atol=1e-3, rtol=0)


def test_a_feature_that_never_varies_stays_finite() -> None:
    steps = measured_on(torch.full((5, 2), 7.0), TABLE)
    assert steps.std == [1.0, 1.0]


def test_bytes_are_scaled_to_one() -> None:
    assert measured_on(torch.zeros(1, 3, 4, 6, dtype=torch.uint8), PICTURE).scale == 1 / 255


def test_text_is_cut_at_its_length_and_padded_to_the_longest_of_the_batch(tmp_path) -> None:
    tokenizer = Tokenizer(WordLevel({"[PAD]": 0, "a": 1, "b": 2}, unk_token="[PAD]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    text = Input(kind="text", shape=[9], dtype="int64")
    preprocessor = Preprocessor.of(Preprocessing(max_length=3), text, tmp_path / "tokenizer.json")
    seen = preprocessor(["a", "a b a b"])
    assert isinstance(seen, dict)
    assert seen["input_ids"].tolist() == [[1, 0, 0], [1, 2, 1]]
    assert seen["attention_mask"].tolist() == [[1, 0, 0], [1, 1, 1]]


def test_a_text_without_any_token_is_one_padding_that_is_seen(tmp_path) -> None:
    tokenizer = Tokenizer(WordLevel({"[PAD]": 0, "a": 1}, unk_token="[PAD]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    text = Input(kind="text", shape=[9], dtype="int64")
    preprocessor = Preprocessor.of(Preprocessing(max_length=3), text, tmp_path / "tokenizer.json")
    alone, beside = preprocessor(["", " "]), preprocessor(["", "a a"])
    assert isinstance(alone, dict)
    assert isinstance(beside, dict)
    assert (alone["input_ids"].tolist(), alone["attention_mask"].tolist()) == ([[0], [0]], [[1], [1]])
    assert beside["attention_mask"].tolist() == [[1, 0], [1, 1]]


sides = st.lists(st.integers(1, 9), min_size=2, max_size=2)
numbers = st.lists(st.floats(-2, 2, width=32), min_size=3, max_size=3)


@given(
    shape=sides,
    dtype=st.sampled_from([torch.uint8, torch.float32]),
    resize=sides | st.none(),
    share=st.floats(0.1, 1) | st.none(),
    order=st.sampled_from(["rgb", "bgr"]),
    scale=st.floats(1e-3, 10),
    mean=numbers | st.just([]) | st.just([0.5]),
    std=numbers | st.just([]) | st.just([0.5]),
)
def test_load_py_shows_a_student_the_very_view_that_it_learned_from(
    shape: list[int],
    dtype: torch.dtype,
    resize: list[int] | None,
    share: float | None,
    order: Any,
    scale: float,
    mean: list[float],
    std: list[float],
) -> None:
    crop = share and [max(1, int(share * side)) for side in resize or shape]
    steps = Preprocessing(
        resize=resize, crop=crop, channel_order=order, scale=scale, mean=mean, std=[abs(s) + 0.1 for s in std]
    )
    kind = Input(kind="image", shape=[3, *shape], dtype="uint8" if dtype == torch.uint8 else "float32")
    network = Network(
        task="image-classification", architecture="mlp", config={}, labels=["a", "b"], num_outputs=2,
        input=kind, preprocessing=steps,
    )  # fmt: skip
    pixels = (torch.rand(2, 3, *shape) * 255).to(dtype)
    student = standalone.Student(torch.nn.Flatten(), network.model_dump(mode="json"), "class", Path("none"))

    learned = Preprocessor.of(steps, kind)(pixels)

    assert isinstance(learned, torch.Tensor)
    assert list(learned.shape[1:]) == view(kind, steps).shape
    assert standalone.predict(student, pixels).equal(learned.flatten(1))


@pytest.mark.parametrize(
    ("steps", "refused"),
    [
        (Preprocessing(crop=[4, 6]), False),
        (Preprocessing(crop=[5, 6]), True),
        (Preprocessing(crop=[5, 6], resize=[8, 8]), False),
        (Preprocessing(crop=[4, 6], resize=[3, 8]), True),
    ],
)
def test_a_crop_larger_than_its_image_is_refused(steps: Preprocessing, refused: bool) -> None:
    expected = pytest.raises(Rejected, match="cuts") if refused else nullcontext()
    with expected:
        require_room_to_crop(PICTURE, steps, "/preprocessing/crop")
