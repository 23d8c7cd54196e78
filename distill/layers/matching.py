"""From the layers that a job names, or leaves to us, to pairs that can be compared."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from distill.config.layer_names import Side, unknown_layers
from distill.config.losses import (
    AttentionMap,
    AttentionTransfer,
    HiddenState,
    Hint,
    LayerPair,
    LayerTerm,
    LossTerm,
    Review,
    ValueRelation,
)
from distill.config.tasks import Target
from distill.layers.anatomy import Anatomy, Form, SelfAttention
from distill.layers.automatic import activations, automatic_pairs
from distill.rejection import Rejected

SHOWN = {
    "vector": "a vector (features)",
    "sequence": "the states of tokens (tokens, features)",
    "map": "a feature map (channels, height, width)",
}
OF_ANY_FORM = (
    "'relational', 'similarity', 'probabilistic_transfer' and 'correlation' compare features of any form"
)
MOST_DIVISORS = 12


def resolved(
    losses: Sequence[LossTerm], *, student: Anatomy, teacher: Anatomy, target: Target, at: str
) -> list[LossTerm]:
    """The same terms, each between layers with its pairs of layers; `at` is the JSON pointer to `losses`.

    Raises:
        Rejected: `no_such_layer`, `nothing_to_compare`, `nothing_learns`, `features_differ`,
            `heads_differ` or `heads_do_not_divide`, each with a pointer.
    """
    _require_known("student", losses, student, at)
    _require_known("teacher", losses, teacher, at)
    found: list[LossTerm] = []
    for number, section in enumerate(losses):
        if isinstance(section, LayerTerm):
            pairing = _Pairing(section, student, teacher, f"{at}/{number}")
            found.append(pairing.resolved(target))
        else:
            found.append(section)
    return found


def attention_at(network: Anatomy, name: str) -> SelfAttention | None:
    """The self-attention that is called `name`, or that is in the layer which is."""
    attentions = (layer.attention for layer in network.encoder if name in (layer.name, layer.attention.name))
    return next(attentions, None)


def _require_known(side: Side, losses: Sequence[LossTerm], network: Anatomy, at: str) -> None:
    for problem in unknown_layers(losses, list(network.features), side=side, at=at):
        raise Rejected(
            problem.code,
            "user",
            problem.detail,
            "name one of these, or let `layers: auto` choose",
            {"pointer": problem.pointer},
        )


@dataclass(frozen=True)
class _Pairing:
    """One term between layers, whose pairs are found and judged."""

    section: LayerTerm
    student: Anatomy
    teacher: Anatomy
    at: str

    def resolved(self, target: Target) -> LayerTerm:
        section = self.section
        if section.layers == "auto":
            pairs = automatic_pairs(section, student=self.student, teacher=self.teacher, target=target)
            if not pairs:
                raise self._nothing_to_compare()
            places = [f"{self.at}/layers"] * len(pairs)
        else:
            pairs = section.layers
            places = [f"{self.at}/layers/{number}" for number in range(len(pairs))]
        for pair, place in zip(pairs, places, strict=True):
            self._require_comparable(pair, place)
        if isinstance(section, Hint):
            self._require_one_kind(pairs)
        if isinstance(section, ValueRelation):
            return section.model_copy(update={"layers": pairs, "relation_heads": self._relation_heads(pairs)})
        return section.model_copy(update={"layers": pairs})

    def _require_comparable(self, pair: LayerPair, place: str) -> None:
        match self.section:
            case AttentionMap():
                self._require_equal_heads(pair, place)
            case ValueRelation():
                self._attentions(pair, place)
            case AttentionTransfer() | Review():
                self._require_form("map", pair, place)
            case HiddenState():
                self._require_form("sequence", pair, place)
            case Hint():
                self._require_form(self.teacher.form(pair.teacher), pair, place)
            case _:
                pass  # relations between examples: features of any form will do
        if pair.student not in self.student.learned:
            raise Rejected(
                "nothing_learns",
                "user",
                f"'{pair.student}' of the student is what it is shown: nothing is learned before it",
                "name a later layer of the student",
                {"pointer": f"{place}/student"},
            )

    def _require_form(self, form: Form, pair: LayerPair, place: str) -> None:
        for side, network, name in (
            ("student", self.student, pair.student),
            ("teacher", self.teacher, pair.teacher),
        ):
            if network.form(name) != form:
                raise Rejected(
                    "features_differ",
                    "user",
                    f"'{self.section.kind}' compares here {SHOWN[form]} of both; '{name}' of the {side} is "
                    f"{SHOWN[network.form(name)]}, of shape {list(network.features[name])}",
                    f"name another layer; {OF_ANY_FORM}",
                    {
                        "pointer": f"{place}/{side}",
                        "student_shape": list(self.student.features[pair.student]),
                        "teacher_shape": list(self.teacher.features[pair.teacher]),
                    },
                )

    def _require_one_kind(self, pairs: Iterable[LayerPair]) -> None:
        """States count by token, everything else by example: a mean over both would be neither."""
        forms = {self.student.form(pair.student) for pair in pairs}
        if "sequence" in forms and len(forms) > 1:
            raise Rejected(
                "features_differ",
                "user",
                "one 'hint' compares either the states of tokens or features of whole examples, not both",
                "leave the pairs of one kind to `hidden_state`, or out",
                {"pointer": f"{self.at}/layers"},
            )

    def _attentions(self, pair: LayerPair, place: str) -> tuple[SelfAttention, SelfAttention]:
        return (
            self._attention("student", self.student, pair.student, place),
            self._attention("teacher", self.teacher, pair.teacher, place),
        )

    def _attention(self, side: Side, network: Anatomy, name: str, place: str) -> SelfAttention:
        attention = attention_at(network, name)
        if attention is None:
            there = ", ".join(layer.attention.name for layer in network.encoder[:5]) or "none"
            raise Rejected(
                "features_differ",
                "user",
                f"'{self.section.kind}' compares self-attentions; '{name}' of the {side} is none; there are: "
                f"{there}",
                "name one of these, or a layer of the transformer",
                {"pointer": f"{place}/{side}"},
            )
        return attention

    def _require_equal_heads(self, pair: LayerPair, place: str) -> None:
        ours, theirs = self._attentions(pair, place)
        if ours.heads != theirs.heads:
            raise Rejected(
                "heads_differ",
                "user",
                f"'attention_map' compares head with head; the student has {ours.heads} in '{ours.name}', "
                f"the teacher {theirs.heads} in '{theirs.name}'",
                f"use 'value_relation', which takes any number of heads, or give the student {theirs.heads}",
                {"pointer": place, "student_heads": ours.heads, "teacher_heads": theirs.heads},
            )

    def _relation_heads(self, pairs: Sequence[LayerPair]) -> int:
        """Into how many heads the values of both are cut: the teacher's unless the job says otherwise."""
        assert isinstance(self.section, ValueRelation)
        both = [attention for pair in pairs for attention in self._attentions(pair, f"{self.at}/layers")]
        heads = self.section.relation_heads or both[1].heads
        sizes = sorted({attention.heads * attention.head_size for attention in both})
        if any(size % heads for size in sizes):
            fitting = [n for n in range(1, min(sizes) + 1) if not any(size % n for size in sizes)]
            raise Rejected(
                "heads_do_not_divide",
                "user",
                f"the values of student and teacher have {' and '.join(map(str, sizes))} features for a "
                f"token; {heads} relation_heads do not divide them",
                f"set relation_heads to one of: {', '.join(map(str, fitting[-MOST_DIVISORS:]))}",
                {"pointer": f"{self.at}/relation_heads"},
            )
        return heads

    def _nothing_to_compare(self) -> Rejected:
        kind = self.section.kind
        return Rejected(
            "nothing_to_compare",
            "user",
            f"'{kind}' compares {_compares(self.section)}; the student has {_holds(self.student)}, the "
            f"teacher {_holds(self.teacher)}",
            OF_ANY_FORM,
            {"pointer": f"{self.at}/kind"},
        )


def _compares(section: LayerTerm) -> str:
    match section:
        case Hint():
            return "layers of one form"
        case AttentionTransfer() | Review():
            return "feature maps"
        case HiddenState() | AttentionMap() | ValueRelation():
            return "the layers of transformers"
    raise AssertionError(section.kind)


def _holds(network: Anatomy) -> str:
    if network.encoder:
        return "layers of a transformer"
    if network.blocks:
        return "feature maps"
    return "hidden activations" if activations(network) else "no hidden layers"
