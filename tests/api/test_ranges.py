"""A `Range` header names the same bytes as a slice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.ranges import Slice, Unsatisfiable, names_etag, slice_of

sizes = st.integers(0, 300)
positions = st.integers(0, 400)


def naive(size: int, first: int | None, last: int | None) -> bytes:
    """The bytes that RFC 9110 describes, by Python's own slices."""
    content = bytes(number % 251 for number in range(size))
    if first is None:
        assert last is not None
        return content[-last:] if last else b""
    return content[first:] if last is None else content[first : last + 1]


@given(sizes, positions | st.none(), positions | st.none())
def test_a_range_is_the_naive_slice(size: int, first: int | None, last: int | None):
    if first is None and last is None:
        return
    content = bytes(number % 251 for number in range(size))
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    if first is not None and last is not None and last < first:
        assert slice_of(header, size) is None
        return
    expected = naive(size, first, last)

    try:
        part = slice_of(header, size)
    except Unsatisfiable:
        assert expected == b""
    else:
        assert part is not None
        assert content[part.start : part.end] == expected != b""
        assert part.content_range(size) == f"bytes {part.start}-{part.start + len(expected) - 1}/{size}"


@given(st.text(max_size=40), sizes)
def test_any_other_header_asks_for_the_whole_or_for_bytes_that_are_there(header: str, size: int):
    try:
        part = slice_of(header, size)
    except Unsatisfiable:
        return
    assert part is None or 0 <= part.start < part.end <= size


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes=-", "bytes=2-1", "bytes=a-b", "lines=0-1", "bytes=0-1,3-4", "bytes=0-1-2", "0-1"],
)
def test_what_is_no_single_range_of_bytes_is_ignored(header: str | None):
    assert slice_of(header, 10) is None


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_a_range_without_a_byte_is_unsatisfiable(header: str):
    with pytest.raises(Unsatisfiable):
        slice_of(header, 10)


def test_units_are_read_in_any_case_and_with_spaces():
    assert slice_of(" Bytes = 2 - 4 ", 10) == Slice(2, 5)


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ("*", True),
        ('"b"', False),
        ("", False),
        ("a", False),
    ],
)
def test_if_none_match_compares_weakly(header: str, named: bool):
    assert names_etag(header, '"a"') is named
