"""Reports of jobs that ended under an older version, brought to the form of the newest."""

from collections.abc import Mapping
from typing import Any

NEW_IN_2 = ("main_figures", "per_name", "calibration", "confusion", "values", "worst", "cost")


def upgraded(report: Mapping[str, Any]) -> dict[str, Any]:
    """A report as version 2 has it; what an older one does not know is None."""
    if report["version"] >= 2:
        return dict(report)
    missing = dict.fromkeys(NEW_IN_2)
    found = missing | {"curves": [], "environment": {}, "stages": None} | dict(report)
    found["temperature"] = _temperature(report.get("temperature"))
    return found | {"version": 2}


def _temperature(picture: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Version 1 named the place of the example within test, showed all names, and no student."""
    if picture is None:
        return None
    likeliest = sorted(range(len(picture["labels"])), key=lambda name: -picture["probabilities"][0][name])[
        :10
    ]
    return {
        "row": None,
        "label": None,
        "example": None,
        "names": [picture["labels"][name] for name in likeliest],
        "temperatures": picture["temperatures"],
        "teacher": [[each[name] for name in likeliest] for each in picture["probabilities"]],
        "student": None,
        "others": None,
    }
