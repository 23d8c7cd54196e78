"""The version of a job as an entity tag, for changes that must not overwrite another's."""

import re

from ledger.errors import PreconditionFailed
from ledger.tables import Job

_TAG = re.compile(r'"(\d{1,15})"')


def version_etag(job: Job) -> str:
    return f'"{job.version}"'


def version_of(if_match: str | None) -> int | None:
    """The version that `If-Match` names; None where any will do.

    Raises:
        PreconditionFailed: it names no version of ours.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    tag = _TAG.fullmatch(if_match.strip())
    if tag is None:
        raise PreconditionFailed('If-Match is not the ETag of a job, such as "3"')
    return int(tag[1])
