"""The models beside which gates put the student, on the very examples that it is judged by."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from distill.batches import View
from distill.config.folder import Incumbent
from distill.config.networks import Preprocessing
from distill.data.opened import SplitData
from distill.evaluate.measure import Candidate, NetworkFile
from distill.fitting import TOKENIZER
from distill.opening import Opened
from distill.preprocess import Preprocessor
from distill.teachers import load_teachers


def incumbents_of(opened: Opened, incumbents: Sequence[Incumbent], test: SplitData) -> dict[str, Candidate]:
    """Each by its id. It sees the examples through its own preprocessing, and its outputs come in the order
    and in the units of the dataset's labels."""
    candidates = {}
    for number, each in enumerate(incumbents):
        folder = opened.folder / "in" / "incumbents" / str(number)
        candidates[each.model] = Candidate(
            (NetworkFile(each.network, folder),),
            load=partial(
                load_teachers,
                [each.network],
                [folder],
                labels=opened.dataset.labels,
                preprocessing=each.network.preprocessing,
                scale=None,
            ),
            labels_used=None,
            timed=True,
            sees=_sees(opened, each.network.preprocessing, folder, test),
        )
    return candidates


def _sees(opened: Opened, own: Preprocessing, folder: Path, test: SplitData) -> View | None:
    if own == opened.preprocessor.preprocessing:
        return None
    tokenizer = folder / TOKENIZER if opened.dataset.input.kind == "text" else None
    return View.of(test, Preprocessor.of(own, opened.dataset.input, tokenizer), opened.device)
