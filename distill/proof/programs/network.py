"""A teacher as the job itself loads it: one network, or a panel of several. Only its calls are timed."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from distill.config.networks import Input, Network, Preprocessing
from distill.losses.terms import Answer
from distill.preprocess import Inputs, Preprocessor
from distill.teachers import load_teachers


class JobsNetwork:
    """From examples as they are stored, through the preprocessing of the job."""

    def __init__(self, request: dict[str, Any], tokens: Any) -> None:
        torch.set_num_threads(request["threads"])
        preprocessing = Preprocessing.model_validate(request["preprocessing"])
        taken = Input.model_validate(request["input"])
        self._device = request["device"]
        self._module = load_teachers(
            [Network.model_validate(network) for network in request["networks"]],
            [Path(folder) for folder in request["folders"]],
            labels=request["labels"],
            preprocessing=preprocessing,
            scale=None,
            combine=request["combine"],
            weights=request["weights"],
        ).to(self._device)
        self._tokens = tokens
        self._preprocessor = None if tokens else Preprocessor(preprocessing, taken)
        self.name = f"torch {torch.__version__}"

    def answer(self, examples: Any) -> Any:
        raise NotImplementedError("what a teacher answers is measured in the job")

    def prepare(self, examples: Any) -> Any:
        if self._tokens is None:
            return torch.from_numpy(examples)
        found = self._tokens(examples)
        return {name: torch.from_numpy(found[name]) for name in ("input_ids", "attention_mask")}

    def call(self, prepared: Any) -> Tensor:
        with torch.inference_mode():
            inputs: Inputs
            if self._preprocessor is None:
                inputs = {name: tokens.to(self._device) for name, tokens in prepared.items()}
            else:
                inputs = self._preprocessor(prepared.to(self._device))
            answer: Answer = self._module(inputs)
            return answer.outputs.cpu()


opened = JobsNetwork
