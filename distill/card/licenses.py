"""Under what license a student may be passed on, as far as anybody told."""

import re
from collections.abc import Sequence

from distill.config.folder import Registered

UNKNOWN = "unknown"

IDENTIFIERS = frozenset(
    """
    afl-3.0 agpl-3.0 apache-2.0 apple-amlr apple-ascl artistic-2.0 bigcode-openrail-m
    bigscience-bloom-rail-1.0 bigscience-openrail-m bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear
    bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0
    cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0
    cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0
    creativeml-openrail-m deepfloyd-if-license ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 gemma
    gfdl gpl gpl-2.0 gpl-3.0 h-research intel-research isc lgpl lgpl-2.1 lgpl-3.0 lgpl-lr llama2 llama3
    llama3.1 llama3.2 llama3.3 llama4 lppl-1.3c mit mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1 openrail
    openrail++ osl-3.0 pddl postgresql unlicense wtfpl zlib
    """.split()  # noqa: SIM905 - as a list it would be eighty lines
)
"""Those that the Hugging Face hub knows by name; of others it wants `other` and the name beside it."""


def license_fields(models: Sequence[Registered]) -> dict[str, str]:
    """The metadata for a student of these models: their license where all have the same."""
    told = {model.license for model in models}
    if not told or None in told:
        return {"license": UNKNOWN}
    names = sorted({_identifier(name) for name in told if name is not None})
    if len(names) == 1 and names[0] in IDENTIFIERS:
        return {"license": names[0]}
    return {"license": "other", "license_name": "-and-".join(names)}


def _identifier(told: str) -> str:
    """`Apache 2.0` as the hub spells it."""
    plain = re.sub(r"[^a-z0-9.+]+", "-", told.strip().lower()).strip("-")
    return plain or "unnamed"
