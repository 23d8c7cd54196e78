"""The models beside which gates put the student, on the very examples that it is judged by."""

from collections.abc import Sequence
from functools import partial

from distill.config.folder import Incumbent
from distill.evaluate.measure import Candidate, NetworkFile
from distill.opening import Opened
from distill.teachers import load_teachers


def incumbents_of(opened: Opened, incumbents: Sequence[Incumbent]) -> dict[str, Candidate]:
    """Each by its id. Outputs come in the order and in the units of the dataset's labels."""
    candidates = {}
    for number, each in enumerate(incumbents):
        folder = opened.folder / "in" / "incumbents" / str(number)
        candidates[each.model] = Candidate(
            (NetworkFile(each.network, folder),),
            load=partial(
                load_teachers,
                [each.network],
                [folder],
                labels=opened.dataset.labels,
                preprocessing=opened.preprocessor.preprocessing,
                scale=None,
            ),
            labels_used=None,
            timed=True,
        )
    return candidates
