"""What a refusal of a hostile checkpoint must be: a sentence, in little memory."""

from typing import Any

from tests.distill.inspect.uploads import AS_IMAGE
from tests.hostile.conftest import Judge
from tests.hostile.forging import Write

REQUEST: dict[str, Any] = {
    "command": "inspect-model",
    "filename": "teacher.pt",
    "architecture": "cnn",
    "config": {"depth": 3, "width": 4},
    "input": AS_IMAGE["input"].model_dump(),
    "preprocessing": AS_IMAGE["preprocessing"].model_dump(),
}
MEMORY = 1_000_000_000


def refused(judge: Judge, write: Write, code: str, **change: Any) -> dict[str, Any]:
    answer = judge(write, **{**REQUEST, **change})
    assert answer["outcome"] == "rejected", answer
    assert answer["code"] == code, answer
    assert len(answer["message"]) > 20
    assert "\n" not in answer["message"]
    assert answer["more_memory"] < MEMORY
    return answer
