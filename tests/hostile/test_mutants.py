"""Damage at random: a checkpoint with some bytes changed is accepted or refused."""

import random

import pytest
from safetensors.torch import save

from tests.distill.inspect.uploads import cnn
from tests.hostile.conftest import Judge
from tests.hostile.forging import (
    saved,
    writing,
)
from tests.hostile.refusing import MEMORY, REQUEST


@pytest.mark.parametrize("kind", ["state-dict", "safetensors"])
def test_a_hundred_mutants_are_accepted_or_refused_and_none_crashes(judge: Judge, kind: str) -> None:
    whole = saved(cnn().state_dict()) if kind == "state-dict" else save(cnn().state_dict())
    chance = random.Random(7)
    for _ in range(100):
        mutant = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            mutant[chance.randrange(len(mutant))] = chance.randrange(256)
        answer = judge(writing(bytes(mutant)), **REQUEST)
        assert answer["outcome"] in ("accepted", "rejected"), answer
        assert answer["more_memory"] < MEMORY
