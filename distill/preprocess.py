"""From stored examples to what the first layer sees: one view, the same for teacher and student."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from distill.config.networks import Input, Preprocessing
from distill.rejection import Rejected

Inputs = Tensor | dict[str, Tensor]
Words = list[list[str]]
"""Texts that come in words, each with a tag of its own."""
NO_WORD = -1


@dataclass(frozen=True)
class Preprocessor:
    """`(x * scale - mean) / std` after resize, center crop and channel order; or a tokenizer.

    `mean` and `std` are in the channel order that the network sees.
    """

    preprocessing: Preprocessing
    input: Input
    tokenizer: Tokenizer | None = field(default=None, compare=False)

    @classmethod
    def of(cls, preprocessing: Preprocessing, input: Input, tokenizer_path: Path | None = None) -> Self:
        """A preprocessor for examples of `input`. Text needs the file of its tokenizer."""
        if input.kind != "text":
            return cls(preprocessing, input)
        if tokenizer_path is None:
            raise ValueError("text needs a tokenizer")
        tokenizer = Tokenizer.from_file(str(tokenizer_path))
        tokenizer.enable_truncation(max_length=preprocessing.max_length or 128)
        pad = _padding(tokenizer)
        tokenizer.enable_padding(pad_id=pad, pad_token=tokenizer.id_to_token(pad) or "[PAD]")
        return cls(preprocessing, input, tokenizer)

    def __call__(self, batch: Tensor | list[str] | Words) -> Inputs:
        """float32 (B, ...) for images and features; `input_ids`, `attention_mask` (B, L) for text.

        Where texts come in words, also `word_starts` bool (B, L): the first token of each word.
        """
        if isinstance(batch, Tensor):
            return self._image(batch) if self.input.kind == "image" else self._normalized(batch.float())
        tokens, starts = self.tokens(batch)
        return tokens if starts is None else {**tokens, "word_starts": starts != NO_WORD}

    def tokens(self, texts: list[str] | Words) -> tuple[dict[str, Tensor], Tensor | None]:
        """`input_ids` and `attention_mask` (B, L), cut at `max_length`; and which word starts where.

        The latter is int64 (B, L): the number of the word whose first token this is, else `NO_WORD`.
        A word beyond the cut starts nowhere, nor does one of which the tokenizer leaves nothing. Texts
        that come whole have none of it: None.
        """
        assert self.tokenizer is not None
        in_words = bool(texts) and not isinstance(texts[0], str)
        encodings = self.tokenizer.encode_batch(list(texts), is_pretokenized=in_words)
        pad = _padding(self.tokenizer)
        tokens = {  # a text without any token is one padding that is seen
            "input_ids": torch.tensor([encoding.ids or [pad] for encoding in encodings]),
            "attention_mask": torch.tensor([[1, *encoding.attention_mask[1:]] for encoding in encodings]),
        }
        if not in_words:
            return tokens, None
        return tokens, torch.tensor([_starts(encoding.word_ids) for encoding in encodings])

    def _image(self, images: Tensor) -> Tensor:
        pixels = images.float()
        steps = self.preprocessing
        if steps.resize is not None and list(pixels.shape[-2:]) != steps.resize:
            pixels = F.interpolate(
                pixels, size=steps.resize, mode="bilinear", antialias=True, align_corners=False
            )
        if steps.crop is not None:
            height, width = steps.crop
            top, left = (pixels.shape[-2] - height) // 2, (pixels.shape[-1] - width) // 2
            pixels = pixels[..., top : top + height, left : left + width]
        if steps.channel_order == "bgr":
            pixels = pixels.flip(1)
        return self._normalized(pixels)

    def _normalized(self, values: Tensor) -> Tensor:
        steps = self.preprocessing
        spread = (1, -1) + (1,) * (values.dim() - 2)
        values = values * steps.scale
        if steps.mean:
            values = values - torch.tensor(steps.mean, device=values.device).view(spread)
        if steps.std:
            values = values / torch.tensor(steps.std, device=values.device).view(spread)
        return values


def _starts(word_of_token: list[int | None]) -> list[int]:
    """The number of a word at its first token; `NO_WORD` at its others, at marks and at padding."""
    previous = None
    starts = []
    for word in word_of_token or [None]:
        starts.append(NO_WORD if word is None or word == previous else word)
        previous = word
    return starts


def _padding(tokenizer: Tokenizer) -> int:
    return tokenizer.token_to_id("[PAD]") or 0


def view(input: Input, preprocessing: Preprocessing) -> Input:
    """The input as the first layer sees it: float32, after resize and crop; or token ids."""
    if input.kind == "text":
        return Input(kind="text", shape=[preprocessing.max_length or input.shape[0]], dtype="int64")
    shape = list(input.shape)
    if input.kind == "image":
        shape[1:] = preprocessing.crop or preprocessing.resize or shape[1:]
    return Input(kind=input.kind, shape=shape, dtype="float32")


def require_room_to_crop(input: Input, preprocessing: Preprocessing, pointer: str) -> None:
    """Refuse to cut a picture out of a smaller one.

    Raises:
        Rejected: `preprocessing_invalid`.
    """
    if input.kind != "image" or preprocessing.crop is None:
        return
    sides = preprocessing.resize or input.shape[1:]
    if any(wanted > side for wanted, side in zip(preprocessing.crop, sides, strict=True)):
        raise Rejected(
            "preprocessing_invalid",
            "user",
            f"preprocessing.crop cuts {_sides(preprocessing.crop)} out of images of {_sides(sides)}",
            "make the crop smaller, or resize the images to at least its size first",
            {"pointer": pointer},
        )


def _sides(sides: list[int]) -> str:
    return " x ".join(map(str, sides))


def measured_on(inputs: Tensor, input: Input) -> Preprocessing:
    """The preprocessing of a job that trains its own teacher, from the inputs of its train split.

    Bytes are scaled to 0..1. Floats get the mean and standard deviation of each channel or feature;
    one that never varies keeps its values (std 1).
    """
    if input.dtype == "uint8":
        return Preprocessing(scale=1 / 255)
    values = inputs.double()
    over = [axis for axis in range(values.dim()) if axis != 1]
    std = values.std(over, correction=0)
    return Preprocessing(
        mean=values.mean(over).float().tolist(), std=torch.where(std > 1e-12, std, 1.0).float().tolist()
    )
