"""The stages of a job in words: which losses, how much each counts, and how that moves."""

from collections.abc import Iterator, Mapping
from typing import Any

_UNITS = {"steps": "updates", "epochs": "epochs"}
_SETTINGS_SHOWN_APART = ("kind", "weight", "temperature", "layers")


def stages(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Those that ran, or of an older report those that were asked for."""
    asked = report["asked"]
    listed: list[Mapping[str, Any]] = report.get("stages") or asked.get("stages") or [asked]
    return listed


def length(stage: Mapping[str, Any]) -> str:
    """How long a stage was to be, and whether it rounds; nothing where it does not say."""
    training = stage.get("training") or {}
    said = [f"{training[unit]:,} {name}" for unit, name in _UNITS.items() if training.get(unit) is not None]
    if stage.get("quantize"):
        said.append(f"rounded as {stage['quantize']}, where that is needed")
    return ", ".join(said)


def weight(given: Any) -> str:
    """A number, or how it moves over a stage."""
    if not isinstance(given, Mapping):
        return f"{given:g}"
    match given["kind"]:
        case "warmup":
            unit = "updates" if given.get("steps") is not None else "epochs"
            count = given.get("steps") if unit == "updates" else given.get("epochs")
            return f"{given['value']:g} after a warm-up of {count:g} {unit}"
        case "auto":
            return f"auto: {given['share']:.0%} of the gradient"
    over = given.get("over", 1.0)
    shape = "in a straight line" if given["kind"] == "linear" else "along a cosine"
    when = "" if over == 1 else f" over the first {over:.0%} of the updates"
    return f"from {given['start']:g} to {given['end']:g} {shape}{when}"


def details(loss: Mapping[str, Any]) -> str:
    """Everything else about a loss: its temperature, its other settings, its layers."""
    return "; ".join(_details(loss))


def _details(loss: Mapping[str, Any]) -> Iterator[str]:
    if loss.get("temperature") is not None:
        yield f"temperature {weight(loss['temperature'])}"
    for name, value in loss.items():
        if name not in _SETTINGS_SHOWN_APART and value is not None:
            yield f"{name} {value}"
    layers = loss.get("layers")
    if isinstance(layers, list):
        yield ", ".join(f"{pair['student']} from {pair['teacher']}" for pair in layers)
