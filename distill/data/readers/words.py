"""Texts in words, each with a tag: what `.jsonl` and `.conll` have in common."""

import sys
from collections.abc import Sequence

import numpy as np

from distill.data.examples import Examples
from distill.rejection import Rejected

MOST_WORDS = 100_000
OBJECTS_BESIDE_BYTES = 20
"""Memory for each byte of a file of words: some 60 bytes for each word, and its tag."""


class TaggedTexts:
    """The texts read so far. One without words is left out and named."""

    def __init__(self) -> None:
        self.words: list[list[str]] = []
        self.tags: list[list[str | None]] = []
        self.rows: list[int] = []
        self.splits: list[str | None] = []
        self.unreadable: list[str] = []
        self.seen = 0

    def add(
        self, line: int, words: list[str], tags: Sequence[str | None], *, split: str | None = None
    ) -> None:
        """One text, which begins in `line`; of each word its tag, None where it has none.

        Raises:
            Rejected: `bad_line`, where there is not one tag for each word.
        """
        if len(words) != len(tags):
            raise Rejected(
                "bad_line",
                "data",
                f"line {line} has {len(words):,} words and {len(tags):,} tags",
                "give one tag for each word, null where a word has none",
                {"line": line},
            )
        if len(words) > MOST_WORDS:
            raise Rejected(
                "bad_line",
                "data",
                f"the text in line {line} has {len(words):,} words; at most {MOST_WORDS:,} are read",
                "write each sentence as a text of its own",
                {"line": line},
            )
        row, self.seen = self.seen, self.seen + 1
        if not words:
            self.unreadable.append(f"line {line}: the text has no words")
            return
        self.words.append(words)
        self.tags.append([None if tag is None else sys.intern(tag) for tag in tags])
        self.rows.append(row)
        self.splits.append(split)

    def examples(self) -> Examples:
        """All that was read."""
        assigned = self.splits if any(self.splits) else None
        return Examples(
            "text", self.words, self.tags, np.array(self.rows, np.int64), assigned, self.unreadable
        )
