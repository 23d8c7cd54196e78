"""How figures, amounts and verdicts are said, in every rendering alike."""

import math
from collections.abc import Mapping
from typing import Any

CONCLUSIONS = {
    "passed": "Every gate passed.",
    "gate_failed": "A gate failed.",
    "gate_inconclusive": "A gate is inconclusive: there are too few test examples to tell.",
    "export_failed": "An export failed: its file is not the student that was measured.",
    "no_gate": "No gate was asked for.",
}
SIGNS = {"passed": "✓", "verified": "✓", "failed": "✗", "inconclusive": "?", "skipped": "-"}
DISTILLATION = {
    "helped": "Distillation helped: the student is better than the control, beyond chance.",
    "no_difference": "Distillation made no difference that could be told from chance.",
    "hurt": "Distillation hurt: the control, without a teacher, is better beyond chance.",
}
COMPARISONS = {
    "retention": "Retention (student / teacher)",
    "gain": "Gain (student - control)",
    "gain_over_teacher_argmax": "Gain over the teacher's top class alone",
    "gap_closed": "Gap closed",
}
PLAIN = {
    "agreement": "Agreement with the teacher",
    "kl_divergence": "KL divergence from the teacher",
    "majority_baseline": "Majority baseline",
    "mean_baseline": "Mean baseline",
    "updates_to_control": "Updates until the control was reached",
}
RUNS = {"control.teacher_argmax": "control by top class"}
_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def distillation(result: Mapping[str, Any]) -> str:
    """Whether the teacher was of use, in a sentence."""
    said = DISTILLATION.get(result["distillation"])
    if said is not None:
        return said
    reason = (result.get("gain") or {}).get("reason", "the job ran without a control")
    return f"Whether distillation helped was not measured: {reason}."


def conclusion(said: str | None) -> str | None:
    """What the gates and exports came to, in a sentence; None where it is not known."""
    return None if said is None else CONCLUSIONS.get(said, said)


def run(name: str) -> str:
    """A run as its reader calls it."""
    return RUNS.get(name, name)


def number(value: Any) -> str:
    """A figure in at most four digits, a count whole."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.4g}" if math.isfinite(value) else str(value)
    return str(value)


def figure(name: str, value: Any) -> str:
    """The figure of that name with its unit."""
    if value is None:
        return "-"
    if name.endswith("_bytes"):
        return size(value)
    return f"{milliseconds(value)} ms" if name.startswith("latency_ms") else number(value)


def milliseconds(value: float | None) -> str:
    """Times are not known to more than three digits."""
    return "-" if value is None else f"{value:,.3g}"


def interval(estimate: Mapping[str, Any] | None) -> str:
    """`value [low, high]`."""
    if estimate is None or estimate.get("value") is None:
        return "-"
    if estimate.get("low") is None or estimate["low"] == estimate["high"]:
        return number(estimate["value"])
    return f"{number(estimate['value'])} [{number(estimate['low'])}, {number(estimate['high'])}]"


def size(count: float | None) -> str:
    """Bytes, in the unit that suits them."""
    if count is None:
        return "-"
    for unit, factor in _UNITS:
        if count >= factor:
            return f"{count / factor:,.3g} {unit}"
    return f"{count:,.0f} bytes"


def duration(seconds: float | None) -> str:
    """Seconds, or minutes and hours where there are many."""
    if seconds is None:
        return "-"
    if seconds < 100:
        return f"{seconds:.{2 if seconds < 1 else 1 if seconds < 10 else 0}f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def share(value: float | None) -> str:
    """A part of a whole in percent, which is 0% or 100% only where it is exactly that."""
    if value is None:
        return "-"
    if 0 < value < 0.001:
        return "<0.1%"
    if 0.999 < value < 1:
        return ">99.9%"
    return f"{value:.1%}".replace(".0%", "%")


def cut(text: Any, most: int) -> str:
    """The start of a text that is long."""
    said = str(text)
    return said if len(said) <= most else said[: most - 1] + "…"


def said(answer: Any, names: list[str] | None = None) -> str:
    """What a network answered, or the label: a name, names of a set, or numbers by their names."""
    if answer is None:
        return "unlabeled"
    if not isinstance(answer, list):
        return number(answer)
    if all(isinstance(each, float | int) for each in answer) and answer:
        if names and len(answer) > 1:
            return ", ".join(f"{name} {number(each)}" for name, each in zip(names, answer, strict=False))
        return ", ".join(map(number, answer))
    return ", ".join(map(str, answer)) or "none"
