"""Kill -9 of whatever lives, at moments that nobody chose, while jobs come in and go out."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.fleet import Fleet
from tests.faults.tally import Tally
from tests.faults.test_points import chain
from tests.faults.whole import assert_nothing_lost, assert_whole
from tests.faults.yard import Yard

STEPS = 30
IN_FLIGHT = 5
VICTIMS = {"child": 40, "supervisor": 30, "worker": 8, "machine": 10, "api": 4, "sweep": 4, "collector": 4}
"""And how often, in a hundred."""


@pytest.fixture
def crowd(yard: Yard, tmp_path: Path) -> Iterator[Fleet]:
    """Two workers with two slots each, and a collector of garbage that does not rest."""
    fleet = Fleet(yard, tmp_path, workers=2, slots=2, collects=True)
    yield fleet
    fleet.close()


def strike(fleet: Fleet, kind: str, chance: random.Random) -> None:
    """Kill one of this kind, as soon as one lives."""
    alive: list[int] = []
    while not alive:
        fleet.rest(0.05)
        alive = fleet.victims("worker" if kind == "machine" else kind)
    fleet.kill(chance.choice(sorted(alive)), with_all=kind == "machine")


def kill_often(fleet: Fleet, tally: Tally, times: int, *, seed: int) -> None:
    chance = random.Random(seed)
    fleet.start()
    done = dict.fromkeys(VICTIMS, 0)
    in_flight: list[str] = []
    while sum(done.values()) < times:
        in_flight = [job_id for job_id in in_flight if not fleet.ended(job_id)]
        in_flight += [fleet.submit(chain(STEPS)) for _ in range(IN_FLIGHT - len(in_flight))]
        (kind,) = chance.choices(list(VICTIMS), list(VICTIMS.values()))
        strike(fleet, kind, chance)
        done[kind] += 1
        fleet.rest(chance.uniform(0.1, 0.6))
    fleet.until_ended(within_s=240)
    assert_whole(fleet, *fleet.submitted, steps=STEPS)
    assert_nothing_lost(fleet)
    attempts = sum(fleet.yard.job(job_id).attempt for job_id in fleet.submitted)
    rejected = fleet.place.rejected()
    for kind, number in done.items():
        tally.add(f"random kill -9: {kind}", number)
    tally.add("random kill -9", 0, jobs=len(fleet.submitted), attempts=attempts, rejected=rejected)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_few_random_kills_cost_nothing(crowd: Fleet, tally: Tally) -> None:
    kill_often(crowd, tally, 8, seed=1)


@pytest.mark.faults
@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_hundred_random_kills_cost_nothing(crowd: Fleet, tally: Tally) -> None:
    kill_often(crowd, tally, 100, seed=2)
