"""The same job, asked for many times at once and again after the answer was lost."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.doomed import Strike
from tests.faults.fleet import Fleet
from tests.faults.tally import Tally
from tests.faults.test_points import chain, count
from tests.faults.whole import assert_nothing_lost

ROUNDS, AT_ONCE = 10, 8


@pytest.mark.faults
@pytest.mark.long
@pytest.mark.timeout(300)
def test_requests_with_one_dedupe_key_make_one_job(fleet: Fleet, tally: Tally) -> None:
    fleet.start()
    script = chain(1)
    with ThreadPoolExecutor(AT_ONCE) as crowd:
        for number in range(ROUNDS):
            asked = [crowd.submit(fleet.submit, script, dedupe_key=f"key-{number}") for _ in range(AT_ONCE)]
            assert len({one.result() for one in asked}) == 1, "one dedupe_key, two jobs"
    fleet.until_ended()
    assert_nothing_lost(fleet)
    fleet.submitted = sorted(set(fleet.submitted))
    count(fleet, tally, "submitted at once, times 8", ROUNDS)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_request_whose_answer_was_lost_makes_no_second_job(fleet: Fleet, tally: Tally) -> None:
    fleet.start()
    fleet.place.arm(Strike("api.routes.jobs._submit: committed", 1, "kill"))
    fleet.submit(chain(1))
    assert fleet.place.struck() is not None
    fleet.until_ended()
    assert_nothing_lost(fleet)
    count(fleet, tally, "answer lost", 1)
