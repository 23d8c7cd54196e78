"""An ONNX file in onnxruntime, which needs numpy alone."""

from typing import Any

import numpy as np
import onnxruntime

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxFile:
    """A session on the threads or the GPU of `request`."""

    def __init__(self, request: dict[str, Any], tokens: Any) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = request["threads"]
        options.inter_op_num_threads = 1
        # threads that wait would take the core of the process whose turn is next
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        provider = PROVIDERS[request["device"]]
        self._session = onnxruntime.InferenceSession(request["file"], options, providers=[provider])
        if provider not in self._session.get_providers():
            raise RuntimeError(f"this onnxruntime has no {provider}")
        self._inputs = [entry.name for entry in self._session.get_inputs()]
        self._tokens = tokens
        self.name = f"onnxruntime {onnxruntime.__version__}"

    def answer(self, examples: Any) -> Any:
        prepared = self.prepare(examples)
        outputs = self.call(prepared)
        return outputs[prepared["starts"]] if "starts" in prepared else outputs

    def prepare(self, examples: Any) -> dict[str, Any]:
        if self._tokens is not None:
            found: dict[str, Any] = self._tokens(examples)
            return found
        (name,) = self._inputs
        return {name: np.ascontiguousarray(examples)}

    def call(self, prepared: dict[str, Any]) -> Any:
        (outputs,) = self._session.run(None, {name: prepared[name] for name in self._inputs})
        return outputs


opened = OnnxFile
