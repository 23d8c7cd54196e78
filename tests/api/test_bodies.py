"""Bodies are parsed strictly: what one parser would read differently from another is refused."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.bodies import parse
from api.problems import Problem


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "line 1, column 1"),
        (b"{", "line 1, column 2"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"name": NaN}', "not finite"),
        (b'{"name": 1e999}', "not finite"),
        (b'{"name": "a", "name": "b"}', "stands twice"),
        (b'{"name": "\\u0000"}', "NUL"),
        (b'{"name": "\\ud800"}', "surrogate"),
        (b'{"priority": 100000000000000000000}', "63 bits"),
        (b"1" * 5000, "digits"),
        (b"[" * 100 + b"]" * 100, "deeper"),
        (b"[" * 100_000, "deeper"),
        (b"[]", "object"),
        (b'"text"', "object"),
        (b"null", "object"),
    ],
)
def test_what_is_no_plain_json_object_is_refused_with_the_reason(body: bytes, says: str):
    with pytest.raises(Problem) as refused:
        parse(body)

    assert refused.value.status == 422
    assert says in refused.value.detail


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_by_a_sentence(body: bytes):
    with suppress(Problem):
        assert isinstance(parse(body), dict)


def test_what_can_be_stored_is_read_as_it_is():
    assert parse(b'{"a": [1, -2.5, null, true, "\\ud83d\\ude00\\n"]}') == {
        "a": [1, -2.5, None, True, "\U0001f600\n"]
    }
