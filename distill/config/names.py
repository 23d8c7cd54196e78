"""How names are spelled, with the rule in words for whoever spells one wrong."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

ID_PREFIXES = ("file_", "upl_", "mdl_", "dst_", "job_", "ckpt_", "art_", "key_", "prj_", "whk_", "chr_")


@dataclass(frozen=True)
class Spelling:
    """Annotates a string that must match `pattern`; `rule` says the same in words."""

    pattern: str
    code: str
    rule: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        return {**handler(schema), "pattern": self.pattern}

    def _checked(self, text: str) -> str:
        if not re.fullmatch(self.pattern, text):
            raise PydanticCustomError(self.code, self.rule)
        return text


def _unlike_an_id(text: str) -> str:
    prefix = next((prefix for prefix in ID_PREFIXES if text.startswith(prefix)), None)
    if prefix is not None:
        raise PydanticCustomError(
            "name_like_an_id", "a name may not start with '{prefix}', as ids do", {"prefix": prefix}
        )
    return text


Name = Annotated[
    str,
    Spelling(
        r"^[a-z0-9][a-z0-9._-]{0,63}$",
        code="name_invalid",
        rule="a name has 1 to 64 small letters, digits, '.', '_' and '-', and begins with a letter or digit",
    ),
    AfterValidator(_unlike_an_id),
    Field(examples=["digits-teacher"]),
]
MetadataKey = Annotated[
    str,
    Spelling(
        r"^[ !#-\[\]-~]{1,64}$",
        code="metadata_key_invalid",
        rule="a key has 1 to 64 characters of printable ASCII, without quotes and backslashes",
    ),
]
"""So spelled, every database finds it in the same way."""
