"""What the OpenAPI document says of an address."""

import re
from typing import Any

_PARAMETER = re.compile(r"\\\{[^}]*\\\}")


def allowed_methods(document: dict[str, Any], path: str) -> list[str]:
    """The methods that `path` takes, all of them: the framework names those of one route alone."""
    return sorted(
        method.upper()
        for template, operations in document["paths"].items()
        if re.fullmatch(_PARAMETER.sub("[^/]+", re.escape(template)), path)
        for method in operations
    )
