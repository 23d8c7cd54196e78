"""Ids: a prefix that says what it names, then 26 characters that sort by time of birth."""

import os
import time

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """A new id such as `job_01jd...`: 48 bits of milliseconds, 80 random bits (as in ULID)."""
    number = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    return prefix + "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def is_id(text: str, prefix: str) -> bool:
    """Whether `text` is spelled like an id with this prefix."""
    return (
        text.startswith(prefix)
        and len(text) == len(prefix) + 26
        and set(text[len(prefix) :]) <= set(_CROCKFORD)
    )
