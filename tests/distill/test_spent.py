"""What a job has spent, over all of its attempts."""

import pytest

from distill.spent import Spent


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that a look at the clock shows: the last of the list."""
    now = [100.0]
    monkeypatch.setattr("distill.spent.time.monotonic", lambda: now[-1])
    return now


def test_a_phase_counts_from_its_beginning_to_its_end_and_so_far_while_it_is_under_way(
    clock: list[float],
) -> None:
    spent = Spent()
    with spent.phase("training"):
        clock.append(102.0)
        with spent.run("student"):
            clock.append(105.0)
            assert spent.seconds_of_phases() == {"training": 5.0}
            assert spent.seconds_of_runs() == {"student": 3.0}
    clock.append(200.0)

    assert spent.seconds_of_phases() == {"training": 5.0}


def test_a_later_attempt_adds_to_what_the_checkpoint_of_an_earlier_one_tells(clock: list[float]) -> None:
    first, second = Spent(), Spent()
    first.examples["student"] += 64
    with first.phase("training"):
        clock.append(104.0)
        facts = first.facts()
        clock.append(150.0)

    second.restore(facts)
    second.examples["student"] += 32
    with second.phase("training"):
        clock.append(151.0)

    assert second.seconds_of_phases() == {"training": 5.0}
    assert second.examples == {"student": 96}


def test_what_breaks_off_counts_too(clock: list[float]) -> None:
    spent = Spent()

    def breaks_off() -> None:
        with spent.phase("training"):
            clock.append(101.0)
            raise KeyError

    with pytest.raises(KeyError):
        breaks_off()
    clock.append(110.0)

    assert spent.seconds_of_phases() == {"training": 1.0}
