"""Compare what a file holds with what an architecture needs, and say which architecture fits best."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from torch import nn

from distill import models
from distill.config.architectures import TAKES
from distill.config.networks import Input
from distill.inspect.inference import Guess, guesses
from distill.inspect.tensors import Shapes
from distill.rejection import Rejected

NAMED = 50
"""At most so many keys of each kind are listed."""
BEST = 3
WORTH_NAMING = 0.2
"""The share of tensors below which a match is chance."""
MAY_BE_MISSING = "num_batches_tracked"
"""Files older than torch 0.4.1 lack these counters of batch norm; a network in eval mode never reads them."""
MAY_BE_LEFT = (
    "embeddings.position_ids",
    "embeddings.token_type_ids",
    "pooler.dense.weight",
    "pooler.dense.bias",
)
"""Constants that older versions of transformers saved, and a layer that no answer here comes from where
the network has no use for it."""


@dataclass(frozen=True)
class Comparison:
    """`missing` and `unexpected` are names; `mis_shaped` (name, expected, got)."""

    missing: list[str]
    unexpected: list[str]
    mis_shaped: list[tuple[str, tuple[int, ...], tuple[int, ...]]]
    filled: list[str]
    """Counters that the file lacks and that start at zero."""
    dropped: list[str]
    """Tensors of the file that the network needs not."""

    @property
    def fits(self) -> bool:
        return not (self.missing or self.unexpected or self.mis_shaped)


def compare(module: nn.Module, shapes: Shapes) -> Comparison:
    """Hold the names and shapes of a file against a network on the meta device."""
    expected = shapes_of(module)
    missing = [name for name in expected if name not in shapes]
    unexpected = [name for name in shapes if name not in expected]
    return Comparison(
        missing=[name for name in missing if not name.endswith(MAY_BE_MISSING)],
        unexpected=[name for name in unexpected if not name.endswith(MAY_BE_LEFT)],
        mis_shaped=[
            (name, shape, shapes[name])
            for name, shape in expected.items()
            if name in shapes and shapes[name] != shape
        ],
        filled=[name for name in missing if name.endswith(MAY_BE_MISSING)],
        dropped=[name for name in unexpected if name.endswith(MAY_BE_LEFT)],
    )


def shapes_of(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def best_matches(shapes: Shapes, seen: Input | None) -> list[tuple[float, Guess]]:
    """The architectures whose shapes fit best, each with the share of tensors that fit, best first."""
    scored: dict[str, tuple[float, Guess]] = {}
    for guess in guesses(shapes, seen):
        score = _score(guess, shapes)
        if score > scored.get(guess.architecture, (0.0,))[0]:
            scored[guess.architecture] = (score, guess)
    fitting = [match for match in scored.values() if match[0] >= WORTH_NAMING]
    return sorted(fitting, key=lambda match: -match[0])[:BEST]


def _score(guess: Guess, shapes: Shapes) -> float:
    """The share of tensors whose shapes both have, whatever their names."""
    try:
        module = models.build_on_meta(
            guess.architecture, guess.config, input=guess.seen, num_outputs=guess.num_outputs
        )
    except (Rejected, ValueError):
        return 0.0
    built, held = Counter(shapes_of(module).values()), Counter(shapes.values())
    return (built & held).total() / max(built.total(), held.total())


def described(matches: list[tuple[float, Guess]]) -> list[dict[str, Any]]:
    """Matches as the details of a rejection."""
    return [
        {
            "architecture": guess.architecture,
            "config": guess.config,
            "num_outputs": guess.num_outputs,
            "fits": round(score, 3),
        }
        for score, guess in matches
    ]


def mismatch(architecture: str, comparison: Comparison, matches: list[tuple[float, Guess]]) -> Rejected:
    """The rejection that names the first keys which do not fit, and what would fit better."""
    parts = []
    if comparison.missing:
        parts.append(f"it lacks {_listed(comparison.missing)}")
    if comparison.unexpected:
        parts.append(f"it has {_listed(comparison.unexpected)} besides")
    if comparison.mis_shaped:
        name, expected, got = comparison.mis_shaped[0]
        more = f" (and {len(comparison.mis_shaped) - 1} more)" if len(comparison.mis_shaped) > 1 else ""
        parts.append(f"'{name}' has the shape {got} where {expected} is needed{more}")
    return Rejected(
        "weights_mismatch",
        "user",
        f"the file does not fit '{architecture}' as configured: {'; '.join(parts)}",
        _advice(matches),
        {
            "missing": comparison.missing[:NAMED],
            "unexpected": [name[:200] for name in comparison.unexpected[:NAMED]],
            "mis_shaped": [
                {"key": name, "expected": list(expected), "got": list(got)}
                for name, expected, got in comparison.mis_shaped[:NAMED]
            ],
            "counts": {
                "missing": len(comparison.missing),
                "unexpected": len(comparison.unexpected),
                "mis_shaped": len(comparison.mis_shaped),
            },
            "best_matches": described(matches),
        },
    )


def architecture_missing(shapes: Shapes, matches: list[tuple[float, Guess]]) -> Rejected:
    """The rejection of bare weights that nobody named an architecture for."""
    first = ", ".join(f"'{name[:80]}' {shape}" for name, shape in list(shapes.items())[:3])
    return Rejected(
        "architecture_missing",
        "user",
        f"these are bare weights ({len(shapes)} tensors: {first}, ...); they do not say of which network",
        _advice(matches) or f"give `architecture` and `config`: {', '.join(TAKES)}",
        {"pointer": "/architecture", "best_matches": described(matches)},
    )


def _advice(matches: list[tuple[float, Guess]]) -> str | None:
    if not matches:
        return None
    score, guess = matches[0]
    advice = f"by shape, '{guess.architecture}' with {guess.config} fits best ({score:.0%} of the tensors)"
    return advice + ("; where only names differ, map them with `key_map`" if score > 0.9 else "")


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name[:100]}'" for name in names[:3])
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")
