"""One of several tags for each word of a text."""

from typing import Any

import numpy as np
from torch import Tensor

from distill.config.figures import are_bio
from distill.config.tasks import Target
from distill.preprocess import Inputs
from distill.tasks.classes import Classes
from distill.tasks.entities import entity_f1
from distill.tasks.science import Scores


class Tags(Classes):
    """Rows are words: the tokens where `inputs["word_starts"]`, bool (B, L), is True.

    Outputs are logits (B, L, tags), of rows (N, tags); labels int64 (B, L), -1 where a token starts no
    word or the word is unlabeled, of rows (N,). What is said of a class holds of each word.
    """

    target: Target = "tag"

    def rows(self, outputs: Tensor, inputs: Inputs) -> Tensor:
        assert isinstance(inputs, dict)
        return outputs[inputs["word_starts"]]

    def row_labels(self, labels: Tensor, inputs: Inputs) -> Tensor:
        assert isinstance(inputs, dict)
        return labels[inputs["word_starts"]]

    def row_examples(self, examples: Tensor, inputs: Inputs) -> Tensor:
        assert isinstance(inputs, dict)
        starts = inputs["word_starts"]
        return examples.to(starts.device).unsqueeze(1).expand_as(starts)[starts]

    def labeled(self, labels: Tensor) -> Tensor:
        """Which words of (N,) have a tag, or which examples of (n, L) have any."""
        known = labels >= 0
        return known.any(dim=1) if known.dim() == 2 else known

    def scores(self, outputs: Tensor, labels: Tensor, examples: Tensor) -> Scores:
        right = (outputs.argmax(dim=-1) == labels).double().cpu().numpy()
        _, place, words = np.unique(examples.cpu().numpy(), return_inverse=True, return_counts=True)
        value = np.bincount(place, weights=right).astype(np.float64)
        return Scores(value, words.astype(np.float64))

    def figures(self, outputs: Tensor, labels: Tensor, examples: Tensor, names: list[str]) -> dict[str, Any]:
        found = super().figures(outputs, labels, examples, names)
        found["per_tag"] = found.pop("per_class")
        if are_bio(names):
            found["entity_f1"] = entity_f1(outputs.argmax(dim=-1), labels, examples, names)
        return found | {"examples": len(np.unique(examples.numpy())), "words": len(labels)}
