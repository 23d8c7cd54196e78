"""Terms between layers as a job document spells them."""

from typing import Any

from pydantic import TypeAdapter

from distill.config.losses import LayerTerm

_TERM: TypeAdapter[LayerTerm] = TypeAdapter(LayerTerm)


def section(kind: str, **said: Any) -> LayerTerm:
    return _TERM.validate_python({"kind": kind, **said})
