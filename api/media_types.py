"""Which of the media types that we have the caller would rather take (RFC 9110, section 12.5.1)."""

from fastapi import Request

from api.problems import Problem


def chosen(request: Request, *offered: str) -> str:
    """The one of `offered` that `Accept` likes best; the first of equals.

    Raises:
        Problem: 406, none of them is taken.
    """
    accepted = [_parsed(part) for part in request.headers.get("accept", "*/*").split(",") if part.strip()]
    quality, _, best = max(
        (_quality(accepted, media_type), -position, media_type) for position, media_type in enumerate(offered)
    )
    if accepted and quality <= 0:
        raise Problem(406, "not_acceptable", f"This is to be had as {' or '.join(offered)}.")
    return best


def _parsed(part: str) -> tuple[str, float]:
    media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                return media_range, min(max(float(value), 0.0), 1.0)
            except ValueError:
                return media_range, 0.0
    return media_range, 1.0


def _quality(accepted: list[tuple[str, float]], media_type: str) -> float:
    """Of the most specific range that matches."""
    for media_range in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        qualities = [quality for name, quality in accepted if name == media_range]
        if qualities:
            return max(qualities)
    return 0.0
