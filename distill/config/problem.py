"""One thing that is wrong with a document. Torch-free."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """`pointer` is a JSON pointer (RFC 6901) into the document; `detail` says what is true and what to do."""

    pointer: str
    detail: str
    code: str
