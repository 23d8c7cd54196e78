"""The updates are torch's own, bit for bit, without its compiler."""

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

from distill.config.training import AdamW, Sgd
from distill.optimizer import Optimizer

SECTIONS = [
    AdamW(learning_rate=1e-2, weight_decay=0.1),
    Sgd(kind="sgd", momentum=0.9),
    Sgd(kind="sgd", momentum=0.9, nesterov=True),
    Sgd(kind="sgd", momentum=0, weight_decay=0),
]


def torchs_own(module: nn.Module, section: AdamW | Sgd) -> torch.optim.Optimizer:
    facts: dict[str, Any] = section.model_dump(exclude={"kind", "learning_rate"})
    rule = torch.optim.AdamW if isinstance(section, AdamW) else torch.optim.SGD
    return rule(module.parameters(), lr=section.learning_rate, fused=True, **facts)


@pytest.mark.parametrize("section", SECTIONS, ids=["adamw", "momentum", "nesterov", "plain"])
def test_every_update_is_the_one_that_torch_would_make(section: AdamW | Sgd) -> None:
    torch.manual_seed(0)
    ours, theirs = nn.Linear(5, 3), nn.Linear(5, 3)
    theirs.load_state_dict(ours.state_dict())
    optimizer, reference = Optimizer(ours, section), torchs_own(theirs, section)

    for step in range(12):
        inputs = torch.randn(7, 5)
        for module in (ours, theirs):
            module.zero_grad()
            module(inputs).square().sum().backward()
        if step % 3 == 2:  # a parameter without a gradient stays, and so does what is remembered of it
            ours.bias.grad = theirs.bias.grad = None
        reference.param_groups[0]["lr"] = rate = section.learning_rate / (step + 1)
        optimizer.step(rate)
        reference.step()

        assert ours.weight.equal(theirs.weight)
        assert ours.bias.equal(theirs.bias)


def test_an_update_needs_nothing_of_torchs_compiler() -> None:
    """Its import takes seconds. Where this fails, torch has changed what its functional updates load."""
    program = """
import sys, torch
from distill.config.training import AdamW, Sgd
from distill.optimizer import Optimizer
for section in (AdamW(), Sgd(kind="sgd")):
    module = torch.nn.Linear(2, 2)
    module.zero_grad()
    module(torch.ones(1, 2)).sum().backward()
    torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
    Optimizer(module, section).step(0.1)
print([name for name in sys.modules if name in ("torch._dynamo", "torch._inductor", "sympy")])
"""

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert ran.stdout.strip() == "[]", ran.stderr
