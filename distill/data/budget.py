"""What a file says about its own size, held against what is there before anything is allocated."""

from distill.memory import available_bytes
from distill.rejection import Rejected

COPIES = 3
"""The source, its canonical form, and the one being written are in memory at the same time."""


def require_memory(wanted: int, what: str, *, copies: int = COPIES) -> None:
    """Refuse what would not fit, with both figures.

    Raises:
        Rejected: `too_large`.
    """
    available = available_bytes()
    if wanted * copies > available:
        raise Rejected(
            "too_large",
            "resource",
            f"{what} holds {megabytes(wanted)}; reading it needs {megabytes(wanted * copies)} of memory, "
            f"and {megabytes(available)} are there",
            "upload a smaller part, or inspect it on a machine with more memory",
        )


def megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB" if count >= 1e6 else f"{count:,} bytes"
