"""Subjects run outside: what they answer comes back, and whatever goes wrong there is told."""

import os
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from distill.channel import StopAsked
from distill.proof import bench, process
from distill.proof.bench import Proof, Shown, prove
from distill.proof.process import RefusedToRun
from distill.proof.subjects import Subject
from tests.distill.proof.programs import EXAMPLES, OUTPUTS, is_alive, setting, subject


def proof_of(folder: Path, *subjects: Subject, timed: bool = False, **target: int) -> Proof:
    return prove(
        subjects, setting(folder, **target), outputs=OUTPUTS, timed=timed, heed=lambda: None, scratch=folder
    )


def refusal(found: Shown | RefusedToRun) -> str:
    assert isinstance(found, RefusedToRun)
    return str(found)


def test_what_a_program_answers_comes_back_as_it_is(tmp_path: Path) -> None:
    found = proof_of(tmp_path, subject(tmp_path))["fake"]

    assert isinstance(found, Shown)
    expected = torch.arange(EXAMPLES * OUTPUTS).float().view(EXAMPLES, OUTPUTS) + 1.5
    assert found.outputs is not None
    assert found.outputs.equal(expected)
    assert found.runtime == "fake 1"
    assert found.times is None
    assert not is_alive(tmp_path)
    assert not list(tmp_path.rglob("*.outputs")), "scratch is cleared away"


def test_what_a_library_prints_is_no_reply(tmp_path: Path) -> None:
    chatty = subject(tmp_path, opening="print('loading...')", calling="print('calling...')")

    assert isinstance(proof_of(tmp_path, chatty)["fake"], Shown)


def test_a_program_does_not_see_this_package(tmp_path: Path) -> None:
    found = proof_of(tmp_path, subject(tmp_path, opening="import distill"))["fake"]

    assert "AssertionError" in refusal(found) or "ModuleNotFoundError" in refusal(found)


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        ({"opening": "raise ValueError('no such weights')"}, "ValueError: no such weights"),
        ({"opening": "os._exit(3)"}, "code 3 and said nothing"),
        ({"calling": "os.kill(os.getpid(), signal.SIGKILL)"}, "killed by signal 9"),
        ({"answering": "os.kill(os.getpid(), signal.SIGSEGV)"}, "killed by signal 11"),
        ({"answering": "return examples[:2]"}, None),
        ({"answering": "return examples[:, :1]"}, "gave 10 numbers for 10 rows of 2 outputs"),
    ],
    ids=["raises", "exits", "killed", "crashes", "too few rows", "too few outputs"],
)
def test_a_program_that_fails_says_why(
    tmp_path: Path, statements: dict[str, str], reason: str | None
) -> None:
    found = proof_of(tmp_path, subject(tmp_path, **statements))["fake"]

    if reason is None:
        assert isinstance(found, Shown)
        assert found.outputs is not None
        assert found.outputs.shape == (2, OUTPUTS)
    else:
        assert reason in refusal(found)
    assert not is_alive(tmp_path)


def test_a_program_that_hangs_is_ended_and_said_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "ANSWER_S", 0.3)

    found = proof_of(tmp_path, subject(tmp_path, answering="signal.pause()"))["fake"]

    assert "did not answer within 0.3 s" in refusal(found)
    assert not is_alive(tmp_path)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("print('hello')", "what is no reply: b'hello'"),
        ("print('[1, 2]')", "what is no reply"),
        ("while True: print('x' * 100000, end='')", "more than any reply has"),
    ],
)
def test_a_process_that_talks_nonsense_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, reason: str
) -> None:
    (tmp_path / "nonsense.py").write_text(program)
    monkeypatch.setattr(process, "SERVE", tmp_path / "nonsense.py")

    assert reason in refusal(proof_of(tmp_path, subject(tmp_path))["fake"])


def test_one_that_fails_takes_nobody_with_it(tmp_path: Path) -> None:
    found = proof_of(
        tmp_path,
        subject(tmp_path, "good"),
        subject(tmp_path, "bad", calling="raise ValueError('broken')"),
        subject(tmp_path, "timed", answers=False),
        timed=True,
    )

    good, timed = found["good"], found["timed"]
    assert isinstance(good, Shown)
    assert isinstance(timed, Shown)
    assert "broken" in refusal(found["bad"])
    assert good.outputs is not None
    assert timed.outputs is None
    assert good.times is not None
    assert timed.times is not None
    assert [len(turn) for turn in good.times.rounds] == [len(turn) for turn in timed.times.rounds]
    assert not any(is_alive(tmp_path, name) for name in found)


def test_everyone_has_its_turn_in_every_round_and_the_order_turns_round(tmp_path: Path) -> None:
    noted = "with open(self.request['notes'] + '/turns', 'a') as file: file.write(self.request['called'])"

    found = proof_of(
        tmp_path, *(subject(tmp_path, name, calling=noted, answers=False) for name in "abc"), timed=True
    )

    turns = (tmp_path / "turns").read_text()
    (rounds,) = {len(each.times.rounds) for each in found.values() if isinstance(each, Shown) and each.times}
    in_order = re.sub(r"(.)\1*", r"\1", turns)
    assert rounds >= bench.LEAST_ROUNDS
    assert in_order.endswith("abcb" * (rounds // 2 - 1) + "a")
    assert turns.count("a") == turns.count("b") == turns.count("c")


def test_calls_take_as_long_as_they_take(tmp_path: Path) -> None:
    slow = subject(tmp_path, calling="time.sleep(0.002)", answers=False)

    found = proof_of(tmp_path, slow, timed=True)["fake"]

    assert isinstance(found, Shown)
    assert found.times is not None
    assert 2 <= found.times.latency_ms()["p50"] < 10


def test_peak_memory_is_that_of_the_process_and_not_of_the_whole_split(tmp_path: Path) -> None:
    hungry = "self.kept = bytearray(os.urandom(2**26))"
    found = proof_of(
        tmp_path,
        subject(tmp_path, "small", answering="self.kept = bytearray(os.urandom(2**26)); return examples"),
        subject(tmp_path, "large", opening=hungry),
        timed=True,
    )

    small, large = (found[name] for name in ("small", "large"))
    assert isinstance(small, Shown)
    assert isinstance(large, Shown)
    assert small.peak_memory_bytes is not None
    assert large.peak_memory_bytes is not None
    assert 60e6 < large.peak_memory_bytes - small.peak_memory_bytes < 140e6


def test_a_batch_of_the_stated_size_is_timed_examples_repeated_where_there_are_fewer(tmp_path: Path) -> None:
    checks = "assert len(prepared) == 25 and prepared[20].tolist() == prepared[0].tolist()"

    found = proof_of(tmp_path, subject(tmp_path, calling=checks, answers=False), timed=True, batch_size=25)

    assert isinstance(found["fake"], Shown)


def test_a_wish_to_stop_is_heeded_while_waiting_and_ends_every_process(tmp_path: Path) -> None:
    def heed() -> None:
        if all((tmp_path / f"{name}.pid").exists() for name in ("one", "other")):
            raise StopAsked("cancel")

    waiting = [subject(tmp_path, name, calling="signal.pause()") for name in ("one", "other")]
    with pytest.raises(StopAsked):
        prove(waiting, setting(tmp_path), outputs=OUTPUTS, timed=True, heed=heed, scratch=tmp_path)

    assert not is_alive(tmp_path, "one")
    assert not is_alive(tmp_path, "other")


STARTS_ONE = """
import sys
from pathlib import Path
from distill.proof.bench import prove
from tests.distill.proof.programs import setting, subject

def tell():
    if (place / "fake.pid").exists() and (pid := (place / "fake.pid").read_text()):
        print(pid, flush=True)

place = Path(sys.argv[1])
waits = subject(place, calling="signal.pause()")
prove([waits], setting(place), outputs=2, timed=False, heed=tell, scratch=place)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the end of its input ends a process")
def test_a_process_dies_with_the_one_that_started_it(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_ONE, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        try:
            parent.kill()
            assert select.select([child], [], [], 60)[0], "it lives on"
        finally:
            os.close(child)
