"""Splits by content: whatever the data, nothing is in two splits and every class is in each."""

from collections import Counter
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from distill.data.splits import DEFAULT_SHARES, SPLITS, Deal, deal


def content(value: object) -> bytes:
    return sha256(repr(value).encode()).digest()


EXAMPLES = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(["a", "b", "c", None])), min_size=1, max_size=200
)
ASSIGNED = st.sampled_from(["train", "validation", "test", None])


def dealt(examples: list[tuple[int, str | None]], **options: object) -> Deal:
    hashes = [content(value) for value, _ in examples]
    return deal(hashes, [label for _, label in examples], shares=DEFAULT_SHARES, **options)


@given(EXAMPLES, st.data())
def test_every_distinct_content_is_in_exactly_one_split(examples, data) -> None:
    assigned = data.draw(st.none() | st.lists(ASSIGNED, min_size=len(examples), max_size=len(examples)))
    result = dealt(examples, assigned=assigned)
    placed = Counter(examples[at][0] for split in SPLITS for at in result.positions[split])
    assert placed == Counter({value for value, _ in examples})
    assert result.duplicates == len(examples) - len(placed)


@given(EXAMPLES)
def test_unlabeled_examples_are_all_in_train(examples) -> None:
    result = dealt(examples)
    for split in ("validation", "test"):
        assert all(examples[at][1] is not None for at in result.positions[split])


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=300))
def test_a_class_of_three_or_more_is_in_every_split_and_near_its_share(labels) -> None:
    result = deal([content(at) for at in range(len(labels))], labels, shares=DEFAULT_SHARES)
    for label, total in Counter(labels).items():
        for split in SPLITS:
            count = sum(labels[at] == label for at in result.positions[split])
            if total >= 3:
                assert count >= 1
            assert abs(count - total * DEFAULT_SHARES[split]) < 2


@given(st.permutations(list(range(40))))
def test_the_order_of_the_rows_changes_no_split(order) -> None:
    labels = ["even" if value % 2 == 0 else "odd" for value in range(40)]
    plain = deal([content(v) for v in range(40)], labels, shares=DEFAULT_SHARES)
    mixed = deal([content(v) for v in order], [labels[v] for v in order], shares=DEFAULT_SHARES)
    for split in SPLITS:
        assert {order[at] for at in mixed.positions[split]} == set(plain.positions[split])


def test_of_copies_in_train_and_test_the_one_in_test_is_kept() -> None:
    result = deal(
        [content(1), content(1), content(2), content(3)],
        ["a", "a", "a", "b"],
        shares=DEFAULT_SHARES,
        assigned=["train", "test", "validation", "train"],
    )
    assert result.positions == {"train": [3], "validation": [2], "test": [1]}
    assert result.duplicates_across_splits == 1


def test_copies_that_disagree_on_the_label_are_counted() -> None:
    result = deal([content(1), content(1)], ["a", "b"], shares=DEFAULT_SHARES)
    assert result.conflicting_labels == 1


def test_a_labeled_copy_is_kept_before_an_unlabeled_one() -> None:
    result = deal([content(1), content(1)], [None, "a"], shares=DEFAULT_SHARES)
    assert result.positions["train"] == [1]
    assert result.conflicting_labels == 0


def test_splits_that_the_source_never_names_are_dealt_from_train() -> None:
    labels = ["a", "b"] * 50
    assigned = ["test" if at < 20 else "train" for at in range(100)]
    result = deal([content(at) for at in range(100)], labels, shares=DEFAULT_SHARES, assigned=assigned)
    assert result.positions["test"] == list(range(20))
    assert len(result.positions["validation"]) == 14
