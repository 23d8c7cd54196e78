"""A student's folder by its own `load.py`, which needs torch alone."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import torch


class TorchFolder:
    """The student as its user loads it, or with the `weights` of a network of the same form.

    It answers on the CPU; calls are timed on the stated device.
    """

    def __init__(self, request: dict[str, Any], tokens: Any) -> None:
        torch.set_num_threads(request["threads"])
        folder = Path(request["folder"])
        spec = spec_from_file_location("load", folder / "load.py")
        assert spec is not None
        assert spec.loader is not None
        self._load = module_from_spec(spec)
        spec.loader.exec_module(self._load)
        self._student = self._load.load(folder)
        if "weights" in request:
            self._student.network.load_state_dict(self._load.read_safetensors(request["weights"]))
        self._device = request["device"]
        self._in_tokens = tokens is not None
        self.name = f"torch {torch.__version__}"

    def answer(self, examples: Any) -> Any:
        outputs = self._load.predict(self._student.cpu(), examples)
        if self._student.target == "tag":
            words = torch.cat(outputs)
            outputs = words[~words.isnan().all(dim=1)]
        return outputs.float().numpy()

    def prepare(self, examples: Any) -> Any:
        self._student.to(self._device)
        if not self._in_tokens:
            return torch.from_numpy(examples)
        found, _ = self._load._tokens(self._student, examples)
        return found

    def call(self, prepared: Any) -> Any:
        with torch.inference_mode():
            if self._in_tokens:
                there = {name: tokens.to(self._device) for name, tokens in prepared.items()}
                return self._student(there).cpu()
            return self._student(self._load._view(self._student, prepared.to(self._device))).cpu()


opened = TorchFolder
