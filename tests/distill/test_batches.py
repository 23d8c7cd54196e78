import torch
from hypothesis import given
from hypothesis import strategies as st

from distill.batches import Order


@given(rows=st.integers(1, 40), batch_size=st.integers(1, 60), seed=st.integers(0, 2**31 - 1))
def test_each_pass_holds_every_row_once_and_every_batch_is_full(
    rows: int, batch_size: int, seed: int
) -> None:
    order = Order(torch.arange(rows), batch_size=batch_size, seed=seed)

    batches = [order.batch(step) for step in range(1, rows + 1)]

    assert {len(batch) for batch in batches} == {batch_size}
    chain = torch.cat(batches)
    for start in range(0, len(chain) - rows + 1, rows):
        assert chain[start : start + rows].sort().values.tolist() == list(range(rows))


@given(step=st.integers(1, 50))
def test_a_batch_depends_on_its_number_alone(step: int) -> None:
    walked, jumped = (Order(torch.arange(17), batch_size=5, seed=3) for _ in range(2))
    for earlier in range(1, step):
        walked.batch(earlier)

    assert walked.batch(step).equal(jumped.batch(step))


def test_another_seed_shuffles_otherwise() -> None:
    first, second = (Order(torch.arange(100), batch_size=100, seed=seed).batch(1) for seed in (0, 1))

    assert not first.equal(second)
