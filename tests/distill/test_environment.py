"""What a job ran on."""

import torch

from distill.environment import environment


def test_the_versions_are_those_of_what_computes_here() -> None:
    facts = environment(torch.device("cpu"))

    assert facts["torch"] == torch.__version__
    assert facts["transformers"]
    assert facts["tokenizers"]
    assert "gpu" not in facts
