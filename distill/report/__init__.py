"""`report.json`: what was asked, what came out, and the data of its pictures.

Everything that a page or a comment about a job shows is in it, and it stays small: pictures hold a
bounded number of points, lists their worst entries. Texts of examples are cut.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from distill.config.job import JobDocument, Stage
from distill.data.opened import SplitData
from distill.evaluate.measure import Measured, Rows
from distill.history import History
from distill.report.choices import calibration, confusion, per_name
from distill.report.cost import cost
from distill.report.curves import curves
from distill.report.examples import worst
from distill.report.figures import main_figures, table
from distill.report.temperature import temperature_picture
from distill.report.values import values
from distill.spent import Spent

VERSION = 2


def report(
    document: JobDocument,
    course: Sequence[Stage],
    result: dict[str, Any],
    *,
    history: History,
    spent: Spent,
    measured: Mapping[str, Measured],
    rows: Rows,
    test: SplitData,
    environment: dict[str, Any],
) -> dict[str, Any]:
    """Everything that the renderings of a report show.

    `result` is the contract's; `course` are the stages as they ran, every layer named; `measured` are the
    networks by their names in the result, and what they answered on the `rows` of `test`.
    """
    return {
        "version": VERSION,
        "asked": document.model_dump(mode="json"),
        "stages": [stage.model_dump(mode="json") for stage in course],
        "result": result,
        "table": table(result),
        "main_figures": main_figures(measured, incumbents=result.get("incumbents") or (), seed=document.seed),
        "curves": curves(history),
        "temperature": temperature_picture(measured, rows, test),
        "per_name": per_name(result),
        "calibration": calibration(measured, rows),
        "confusion": confusion(measured["student"].outputs, rows),
        "values": values(measured, rows),
        "worst": worst(measured, rows, test, result),
        "cost": cost(spent, environment),
        "environment": environment,
    }
