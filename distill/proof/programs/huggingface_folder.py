"""A Hugging Face folder by transformers, as its user loads it."""

from pathlib import Path
from typing import Any

import torch
import transformers


class HuggingFaceFolder:
    """The model by `from_pretrained`, and its own tokenizer."""

    def __init__(self, request: dict[str, Any], tokens: Any) -> None:
        torch.set_num_threads(request["threads"])
        transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # it has no types
        folder = Path(request["folder"])
        config = transformers.AutoConfig.from_pretrained(folder)
        (name,) = config.architectures
        self._device = request["device"]
        self._model = getattr(transformers, name).from_pretrained(folder).eval().to(self._device)
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.name = f"transformers {transformers.__version__}, torch {torch.__version__}"

    def answer(self, examples: Any) -> Any:
        prepared = self.prepare(examples)
        outputs = self.call(prepared)
        if isinstance(examples[0], list):
            firsts = torch.tensor([_firsts(prepared.word_ids(row)) for row in range(len(examples))])
            outputs = outputs[firsts]
        return outputs.float().numpy()

    def prepare(self, examples: Any) -> Any:
        return self._tokenizer(
            examples,
            is_split_into_words=isinstance(examples[0], list),
            padding=True,
            truncation=True,
            return_tensors="pt",
        )

    def call(self, prepared: Any) -> Any:
        with torch.inference_mode():
            return self._model(**prepared.to(self._device)).logits.cpu()


def _firsts(words: list[int | None]) -> list[bool]:
    return [word is not None and word != before for before, word in zip([None, *words], words, strict=False)]


opened = HuggingFaceFolder
