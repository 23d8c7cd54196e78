"""Which layers are compared: chosen by stage and depth, or named and judged."""

from typing import Any

import pytest
from torch import nn

from distill.config.losses import Hint, LayerPair, SoftTarget, ValueRelation
from distill.config.tasks import Target
from distill.layers.matching import resolved
from distill.rejection import Rejected
from tests.distill.layers.networks import bert, cnn, inside, mlp, resnet
from tests.distill.layers.sections import section

AT = "/stages/1/losses"


def pairs(
    kind: str, student: nn.Module, teacher: nn.Module, target: Target = "class", **said: Any
) -> list[str]:
    (found,) = resolved(
        [section(kind, **said)], student=inside(student), teacher=inside(teacher), target=target, at=AT
    )
    return [f"{pair.student} - {pair.teacher}" for pair in found.layers]  # type: ignore[union-attr]  # of layers


def refused(student: nn.Module, teacher: nn.Module, kind: str, **said: Any) -> Rejected:
    with pytest.raises(Rejected) as caught:
        pairs(kind, student, teacher, **said)
    return caught.value


def named(*both: tuple[str, str]) -> list[LayerPair]:
    return [LayerPair(student=student, teacher=teacher) for student, teacher in both]


def test_feature_maps_are_matched_stage_by_stage_where_each_ends() -> None:
    assert pairs("attention_transfer", cnn(4), cnn(7)) == [
        "blocks.0 - blocks.1",
        "blocks.1 - blocks.3",
        "blocks.2 - blocks.5",
    ]


def test_a_network_of_fewer_stages_is_matched_from_the_end() -> None:
    assert pairs("attention_transfer", cnn(3), resnet([1, 2, 2])) == [
        "blocks.0 - layer2.1",
        "blocks.1 - layer3.1",
    ]
    assert pairs("review", resnet([1, 1, 1]), cnn(3)) == ["layer2.0 - blocks.0", "layer3.0 - blocks.1"]


def test_a_hint_is_the_middle_of_what_could_be_compared() -> None:
    assert pairs("hint", cnn(4), resnet([1, 2, 2])) == ["blocks.1 - layer2.1"]
    assert pairs("hint", mlp(4), mlp(7)) == ["layers.2:input - layers.4:input"]
    assert pairs("hint", bert(3), bert(6)) == ["bert.encoder.layer.1 - bert.encoder.layer.3"]


def test_states_of_all_layers_and_their_embeddings_are_matched_by_even_depth() -> None:
    layer = "bert.encoder.layer"
    assert pairs("hidden_state", bert(2), bert(5)) == [
        f"{layer}.0:input - {layer}.0:input",
        f"{layer}.0 - {layer}.2",
        f"{layer}.1 - {layer}.4",
    ]
    assert pairs("hidden_state", bert(2), bert(5), form="cosine") == [f"{layer}.1 - {layer}.4"]


def test_a_student_deeper_than_its_teacher_learns_from_some_layers_twice() -> None:
    layer = "bert.encoder.layer"
    assert pairs("hidden_state", bert(4), bert(2))[1:] == [
        f"{layer}.0 - {layer}.0",
        f"{layer}.1 - {layer}.0",
        f"{layer}.2 - {layer}.1",
        f"{layer}.3 - {layer}.1",
    ]


def test_scores_are_those_of_all_layers_probabilities_and_values_those_of_the_last() -> None:
    layer, attention = "bert.encoder.layer", "attention.self"
    last = [f"{layer}.1.{attention} - {layer}.3.{attention}"]
    assert pairs("attention_map", bert(2), bert(4)) == [
        f"{layer}.0.{attention} - {layer}.1.{attention}",
        *last,
    ]
    assert pairs("attention_map", bert(2), bert(4), form="probabilities") == last
    assert pairs("value_relation", bert(2), bert(4)) == last


@pytest.mark.parametrize("kind", ["relational", "similarity", "probabilistic_transfer", "correlation"])
def test_relations_between_examples_are_those_of_what_the_heads_take(kind: str) -> None:
    assert pairs(kind, mlp(2), cnn(3)) == ["layers.1:input - classifier:input"]
    assert pairs(kind, mlp(2), mlp(2), target="embedding") == ["outputs - outputs"]
    assert pairs(kind, mlp(1), mlp(3)) == ["outputs - layers.2:input"], (
        "one layer alone has nothing before it"
    )


def test_a_transformer_is_found_behind_every_head() -> None:
    embedder = bert(2, head="embedding", outputs=8)
    assert pairs("value_relation", bert(1, head="token"), embedder) == [
        "bert.encoder.layer.0.attention.self - encoder.layer.1.attention.self"
    ]


def test_terms_between_outputs_and_the_order_of_the_terms_stay_as_they_are() -> None:
    student, teacher = inside(cnn(3)), inside(cnn(5))
    soft = SoftTarget()
    found = resolved([soft, Hint()], student=student, teacher=teacher, target="class", at=AT)
    assert [term.kind for term in found] == ["soft_target", "hint"]
    assert found[0] is soft
    again = resolved(found, student=student, teacher=teacher, target="class", at=AT)
    assert again == found, "what is resolved stays as it is"


def test_the_resolved_relation_says_how_many_heads_it_has() -> None:
    student, teacher = inside(bert(1, 8, 2)), inside(bert(1, 16, 4))
    (found,) = resolved([ValueRelation()], student=student, teacher=teacher, target="class", at=AT)
    assert isinstance(found, ValueRelation)
    assert found.relation_heads == 4


def test_a_layer_that_does_not_exist_is_refused_with_the_nearest_names() -> None:
    error = refused(cnn(3), cnn(3), "hint", layers=named(("blocks.0", "blocks.0"), ("blocks.7", "blocks.1")))
    assert error.code == "no_such_layer"
    assert error.details["pointer"] == f"{AT}/0/layers/1/student"
    assert "the student has no layer 'blocks.7'" in error.message
    assert "blocks.1" in error.message
    error = refused(cnn(3), cnn(3), "hint", layers=named(("blocks.0", "block.0:input")))
    assert error.details["pointer"] == f"{AT}/0/layers/0/teacher"
    assert "blocks.0:input" in error.message


def test_features_of_another_rank_are_refused_with_both_shapes() -> None:
    error = refused(cnn(3), cnn(3), "hint", layers=named(("classifier:input", "blocks.1")))
    assert error.code == "features_differ"
    assert error.details == {
        "pointer": f"{AT}/0/layers/0/student",
        "student_shape": [8],
        "teacher_shape": [8, 8, 8],
    }
    assert error.hint is not None
    assert "relational" in error.hint


@pytest.mark.parametrize("kind", ["attention_transfer", "review"])
def test_what_needs_feature_maps_refuses_other_features(kind: str) -> None:
    error = refused(cnn(3), cnn(3), kind, layers=named(("blocks.0", "classifier:input")))
    assert error.details["pointer"] == f"{AT}/0/layers/0/teacher"
    assert "a feature map" in error.message
    error = refused(mlp(3), cnn(3), kind)
    assert (error.code, error.details["pointer"]) == ("nothing_to_compare", f"{AT}/0/kind")
    assert "the student has hidden activations, the teacher feature maps" in error.message


@pytest.mark.parametrize("kind", ["hidden_state", "attention_map", "value_relation"])
def test_what_needs_transformers_refuses_other_networks(kind: str) -> None:
    error = refused(cnn(3), cnn(5), kind)
    assert (error.code, error.details["pointer"]) == ("nothing_to_compare", f"{AT}/0/kind")
    assert f"'{kind}' compares the layers of transformers; the student has feature maps" in error.message
    assert refused(cnn(3), cnn(3), kind, layers=named(("blocks.0", "blocks.0"))).code == "features_differ"


def test_a_hint_between_networks_of_two_kinds_is_refused_with_what_would_do() -> None:
    error = refused(mlp(3), cnn(3), "hint")
    assert error.code == "nothing_to_compare"
    assert error.hint is not None
    assert "'relational'" in error.hint
    assert "the student has no hidden layers" in refused(mlp(1), mlp(3), "hint").message


def test_a_hint_does_not_mix_tokens_and_examples() -> None:
    layer = "bert.encoder.layer.0"
    error = refused(
        bert(1), bert(1), "hint", layers=named((layer, layer), ("classifier:input", "classifier:input"))
    )
    assert error.details["pointer"] == f"{AT}/0/layers"


def test_maps_of_attention_need_as_many_heads_and_the_other_term_is_offered() -> None:
    error = refused(bert(1, 8, 2), bert(1, 8, 4), "attention_map")
    assert (error.code, error.details["pointer"]) == ("heads_differ", f"{AT}/0/layers")
    assert "the student has 2" in error.message
    assert "the teacher 4" in error.message
    assert error.hint is not None
    assert "value_relation" in error.hint


def test_an_attention_may_be_named_by_the_layer_that_holds_it() -> None:
    layer = "bert.encoder.layer"
    said = named((f"{layer}.0", f"{layer}.1.attention.self"))
    assert pairs("attention_map", bert(1), bert(2), layers=said) == [f"{layer}.0 - {layer}.1.attention.self"]
    error = refused(bert(1), bert(1), "value_relation", layers=named(("bert.pooler", f"{layer}.0")))
    assert error.details["pointer"] == f"{AT}/0/layers/0/student"
    assert f"there are: {layer}.0.attention.self" in error.message


def test_heads_that_do_not_divide_the_values_are_refused_with_those_that_do() -> None:
    error = refused(bert(1, 8, 2), bert(1, 12, 3), "value_relation")
    assert (error.code, error.details["pointer"]) == ("heads_do_not_divide", f"{AT}/0/relation_heads")
    assert error.hint == "set relation_heads to one of: 1, 2, 4"
    assert pairs("value_relation", bert(1, 8, 2), bert(1, 12, 3), relation_heads=4)


def test_a_layer_before_which_nothing_learns_is_refused() -> None:
    error = refused(mlp(2), mlp(2), "relational", layers=named(("layers.0:input", "layers.1:input")))
    assert (error.code, error.details["pointer"]) == ("nothing_learns", f"{AT}/0/layers/0/student")
