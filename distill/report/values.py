"""Where answers are numbers or embeddings: what was said beside what is true, and how alike."""

from collections.abc import Mapping
from typing import Any

import torch

from distill.evaluate.measure import Measured, Rows

MOST_OUTPUTS = 4
POINTS = 200
BINS = 20


def values(measured: Mapping[str, Measured], rows: Rows) -> dict[str, Any] | None:
    """Of numbers `outputs`: for each of the first `MOST_OUTPUTS` its labels and what teacher and student
    said, of `POINTS` rows spread over test. Of embeddings `likeness`: a histogram of the cosine of student
    and teacher. None of other targets.
    """
    teacher, student = measured["teacher"].outputs, measured["student"].outputs
    if rows.science.target == "number":
        labeled = rows.labeled.nonzero().flatten()
        points = labeled[torch.linspace(0, len(labeled) - 1, min(POINTS, len(labeled))).round().long()]
        return {
            "outputs": [
                {
                    "label": name,
                    "true": rows.labels[points, number].tolist(),
                    "teacher": teacher[points, number].tolist(),
                    "student": student[points, number].tolist(),
                }
                for number, name in enumerate(rows.names[:MOST_OUTPUTS])
            ],
            "total": len(rows.names),
        }
    if rows.science.target == "embedding":
        likeness = torch.cosine_similarity(student.double(), teacher.double(), dim=-1)
        low = min(0.0, float(likeness.min()))
        counts = torch.histc(likeness, BINS, min=low, max=1.0)
        edges = torch.linspace(low, 1.0, BINS + 1, dtype=torch.float64)
        return {"likeness": {"edges": edges.tolist(), "counts": counts.long().tolist()}}
    return None
