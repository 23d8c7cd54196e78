from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.tail import PIECE, SKIP_BEYOND, Tail


def read_all(path: Path) -> bytes:
    tail, pieces = Tail(path), []
    while new := tail.more(ended=True):
        pieces.append(new)
        tail.offset += len(new)
    return b"".join(pieces)


def test_a_log_that_grows_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n")
    tail = Tail(path)
    assert tail.more() == b"one\n"
    tail.offset += 4
    assert tail.more() == b""
    path.write_bytes(b"one\ntwo\n")
    assert tail.more() == b"two\n"


def test_half_a_character_waits_for_its_rest(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes("é€😀".encode()[:-1])
    tail = Tail(path)
    assert tail.more() == "é€".encode()
    assert tail.more(ended=True) == "é€😀".encode()[:-1]


@settings(max_examples=200)
@given(text=st.text(min_size=1), cut=st.integers(min_value=0))
def test_no_cut_falls_within_a_character(
    text: str, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("tail") / "log"
    content = text.encode()
    path.write_bytes(content[: cut % (len(content) + 1)])
    seen = Tail(path).more()
    seen.decode()
    assert content.startswith(seen)
    assert len(content[: cut % (len(content) + 1)]) - len(seen) < 4


def test_bytes_that_are_no_text_are_read_as_well(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"\x80" * 10 + b"\xff\xfe")
    assert read_all(tmp_path / "log") == b"\x80" * 10 + b"\xff\xfe"


def test_a_process_that_writes_faster_than_we_keep_up_loses_the_middle_here(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a" * (SKIP_BEYOND + PIECE))
    tail = Tail(path)
    assert len(tail.more()) == PIECE
    assert tail.offset == SKIP_BEYOND
