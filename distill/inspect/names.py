"""Parameter names as they come, and as the architectures here spell them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from distill.rejection import Rejected

PREFIXES = ("module.", "_orig_mod.", "model.")
"""What DataParallel, torch.compile and Lightning put before every name."""
MOST_RULES = 100
LONGEST_PATTERN = 200
LONGEST_NAME = 512
OLD_BERT_SPELLING = (
    (re.compile(r"LayerNorm\.gamma$"), "LayerNorm.weight"),
    (re.compile(r"LayerNorm\.beta$"), "LayerNorm.bias"),
)


@dataclass(frozen=True)
class Renamed:
    """`names` maps each name in the file to the one used here."""

    names: dict[str, str]
    stripped: list[str]

    @property
    def mapped(self) -> dict[str, str]:
        """The names that a rule changed, without their stripped prefixes."""
        prefix = "".join(self.stripped)
        return {old: new for old, new in self.names.items() if old.removeprefix(prefix) != new}


def rename(names: Iterable[str], key_map: Sequence[tuple[str, str]]) -> Renamed:
    """Strip the prefixes that all names share, then apply the rules of `key_map` in order.

    Raises:
        Rejected: a rule is no regular expression, or two names become one.
    """
    originals = list(names)
    if too_long := next((name for name in originals if len(name) > LONGEST_NAME), None):
        raise Rejected(
            "unreadable_file", "data", f"the name '{too_long[:60]}...' is too long to be a parameter's"
        )
    stripped = _shared_prefixes(originals)
    prefix = "".join(stripped)
    rules = [*_compiled(key_map), *OLD_BERT_SPELLING]
    renamed = {name: _apply(rules, name.removeprefix(prefix)) for name in originals}
    seen: dict[str, str] = {}
    for old, new in renamed.items():
        if new in seen:
            raise Rejected(
                "names_collide",
                "user",
                f"'{seen[new]}' and '{old}' would both be called '{new[:200]}'",
                "make the rules of `key_map` more exact",
            )
        seen[new] = old
    return Renamed(renamed, stripped)


def _shared_prefixes(names: list[str]) -> list[str]:
    """The known prefixes that stand before every name, from the outside in."""
    stripped: list[str] = []
    rest = names
    while rest:
        prefix = next((known for known in PREFIXES if all(name.startswith(known) for name in rest)), None)
        if prefix is None:
            break
        stripped.append(prefix)
        rest = [name.removeprefix(prefix) for name in rest]
    return stripped


def _compiled(key_map: Sequence[tuple[str, str]]) -> list[tuple[re.Pattern[str], str]]:
    if len(key_map) > MOST_RULES:
        raise Rejected(
            "key_map_invalid", "user", f"key_map has {len(key_map)} rules; at most {MOST_RULES} are read"
        )
    rules = []
    for at, (pattern, replacement) in enumerate(key_map):
        try:
            if len(pattern) > LONGEST_PATTERN:
                raise re.error(f"longer than {LONGEST_PATTERN} characters")
            rule = re.compile(pattern)
            rule.sub(replacement, "")
        except (re.error, IndexError, RecursionError, OverflowError) as error:
            raise Rejected(
                "key_map_invalid",
                "user",
                f"rule {at} of key_map is no regular expression with a replacement: {error}",
                r"for example {from: '^backbone\.', to: ''}",
                {"pointer": f"/key_map/{at}"},
            ) from error
        rules.append((rule, replacement))
    return rules


def _apply(rules: Sequence[tuple[re.Pattern[str], str]], name: str) -> str:
    for rule, replacement in rules:
        name = rule.sub(replacement, name)
    return name
