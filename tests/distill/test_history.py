from pathlib import Path

import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from distill.history import ROWS_OF_A_NAME, History, every_nth


def test_a_restored_history_goes_on_where_it_stood(tmp_path: Path) -> None:
    first, second = History(), History()
    first.add("student", 1, {"train.loss.total": 0.5, "learning_rate": 0.1}, 10.0)
    second.restore(first.state())
    second.add("student", 2, {"train.loss.total": 0.25}, 11.0)

    second.write(tmp_path / "metrics.parquet")

    assert second.curve("student", "train.loss.total") == [(1, 0.5), (2, 0.25)]
    assert pq.read_table(tmp_path / "metrics.parquet").to_pylist() == [
        {"run": "student", "step": 1, "name": "train.loss.total", "value": 0.5, "time": 10.0},
        {"run": "student", "step": 1, "name": "learning_rate", "value": 0.1, "time": 10.0},
        {"run": "student", "step": 2, "name": "train.loss.total", "value": 0.25, "time": 11.0},
    ]


def test_a_state_does_not_change_while_the_history_grows() -> None:
    history = History()
    history.add("student", 1, {"learning_rate": 0.1}, 10.0)
    state = history.state()

    history.add("student", 2, {"learning_rate": 0.1}, 11.0)

    assert state.tensors["step"].tolist() == [1]


@given(total=st.integers(1, 10**9))
def test_every_nth_row_is_at_most_two_thousand_rows_and_all_where_these_are_few(total: int) -> None:
    every = every_nth(total)

    assert total // every <= ROWS_OF_A_NAME
    assert (every == 1) == (total <= ROWS_OF_A_NAME)
