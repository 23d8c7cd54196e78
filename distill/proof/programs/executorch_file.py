"""A `.pte` in the runtime of ExecuTorch, whose XNNPACK runs on the CPU."""

from importlib.metadata import version
from typing import Any

import torch
from executorch.runtime import Runtime


class ExecutorchFile:
    """The method `forward`. Its threads are those of XNNPACK's own pool."""

    def __init__(self, request: dict[str, Any], tokens: Any) -> None:
        self._program = Runtime.get().load_program(request["file"])
        self._method = self._program.load_method("forward")
        self._tokens = tokens
        self.name = f"executorch {version('executorch')}"

    def answer(self, examples: Any) -> Any:
        prepared = self.prepare(examples)
        outputs = self.call(prepared).numpy()
        if self._tokens is None:
            return outputs
        starts = self._tokens(examples).get("starts")
        return outputs if starts is None else outputs[starts]

    def prepare(self, examples: Any) -> list[Any]:
        if self._tokens is None:
            return [torch.from_numpy(examples)]
        found = self._tokens(examples)
        return [torch.from_numpy(found[name]) for name in ("input_ids", "attention_mask")]

    def call(self, prepared: list[Any]) -> Any:
        (outputs,) = self._method.execute(prepared)
        return outputs


opened = ExecutorchFile
