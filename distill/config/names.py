"""How names are spelled, with the rule in words for whoever spells one wrong."""

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError


def spelling(pattern: str, *, code: str, rule: str) -> AfterValidator:
    """A check of a string against `pattern`, which answers with the rule in words."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise PydanticCustomError(code, rule)
        return text

    return AfterValidator(check)


ID_PREFIXES = ("file_", "upl_", "mdl_", "dst_", "job_", "ckpt_", "art_", "key_", "prj_", "whk_", "chr_")
_NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"


def _unlike_an_id(text: str) -> str:
    prefix = next((prefix for prefix in ID_PREFIXES if text.startswith(prefix)), None)
    if prefix is not None:
        raise PydanticCustomError(
            "name_like_an_id", "a name may not start with '{prefix}', as ids do", {"prefix": prefix}
        )
    return text


Name = Annotated[
    str,
    spelling(
        _NAME,
        code="name_invalid",
        rule="a name has 1 to 64 small letters, digits, '.', '_' and '-', and begins with a letter or digit",
    ),
    AfterValidator(_unlike_an_id),
    WithJsonSchema({"type": "string", "pattern": _NAME, "examples": ["digits-teacher"]}),
]
_METADATA_KEY = r"^[ !#-\[\]-~]{1,64}$"
MetadataKey = Annotated[
    str,
    spelling(
        _METADATA_KEY,
        code="metadata_key_invalid",
        rule="a key has 1 to 64 characters of printable ASCII, without quotes and backslashes",
    ),
    WithJsonSchema({"type": "string", "pattern": _METADATA_KEY}),
]
"""Printable ASCII without quotes and backslashes, which every database finds in the same way."""
