"""Terms between the layers of real small networks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from distill.config.losses import COMPARES_EXAMPLES
from distill.layers.matching import resolved
from distill.layers.taps import Taps
from distill.layers.terms import layer_term
from distill.losses.counts import Counts, counts, portions
from distill.losses.terms import Answer, Moment, Pace, Term
from distill.preprocess import Inputs
from tests.distill.layers.networks import batch, bert, cnn, inside, mlp, resnet
from tests.distill.layers.sections import section


@dataclass(frozen=True)
class Case:
    """A term between networks of two widths, so that it has a projector where it ever has one."""

    kind: str
    make_student: Callable[[], nn.Module]
    make_teacher: Callable[[], nn.Module]
    said: dict[str, Any] = field(default_factory=dict)

    def networks(self) -> tuple[nn.Module, nn.Module]:
        return self.make_student(), self.make_teacher().eval().requires_grad_(False)

    def term(self, student: nn.Module, teacher: nn.Module) -> Term:
        return term_between(student, teacher, self.kind, **self.said)

    def __str__(self) -> str:
        architecture = self.make_student.func.__name__  # type: ignore[attr-defined]  # they are partials
        return "-".join([self.kind, *self.said.values(), architecture])


OF_EXAMPLES = ["relational", "similarity", "probabilistic_transfer", "correlation"]
OF_MAPS = [
    Case(kind, partial(cnn, 3, 4), partial(resnet, [1, 1, 1], 6))
    for kind in ("hint", "attention_transfer", "review")
]
OF_TOKENS = [
    Case(kind, partial(bert, 2, 8, 2), partial(bert, 4, 12, 2), said)
    for kind, said in (
        ("hint", {}),
        ("hidden_state", {"form": "mse"}),
        ("hidden_state", {"form": "cosine"}),
        ("attention_map", {"form": "scores"}),
        ("attention_map", {"form": "probabilities"}),
        ("value_relation", {}),
    )
]
OF_VECTORS = [Case(kind, partial(mlp, 2, 5), partial(mlp, 3, 7)) for kind in ("hint", *OF_EXAMPLES)]
OF_POOLED_MAPS = [Case(kind, partial(cnn, 3, 4), partial(cnn, 4, 6)) for kind in OF_EXAMPLES]
OF_TEXTS = [
    Case(kind, partial(bert, 1, 8, head="token"), partial(bert, 2, 12, head="token")) for kind in OF_EXAMPLES
]


def each(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=str)


EVERY = each([*OF_MAPS, *OF_TOKENS, *OF_VECTORS, *OF_POOLED_MAPS, *OF_TEXTS])


def term_between(student: nn.Module, teacher: nn.Module, kind: str, **said: Any) -> Term:
    ours, theirs = inside(student), inside(teacher)
    (found,) = resolved([section(kind, **said)], student=ours, teacher=theirs, target="class", at="/losses")
    return layer_term(found, student=ours, teacher=theirs, seed=0)  # type: ignore[arg-type]  # the kinds asked for


def loss_of(term: Term, student: nn.Module, teacher: nn.Module, inputs: Inputs) -> Tensor:
    learns = Answer(*answer(student, term.student_taps, inputs))
    teaches = Answer(*answer(teacher, term.teacher_taps, inputs))
    mask = inputs["attention_mask"].bool() if isinstance(inputs, dict) else None
    return term.loss(Moment(learns, teaches, torch.zeros(len(learns.outputs)), mask, 1, Pace(1, 1.0)))


def answer(network: nn.Module, names: tuple[str, ...], inputs: Inputs) -> tuple[Tensor, dict[str, Tensor]]:
    taps = Taps(network, names)
    outputs = network(inputs)
    taken = taps.take()
    taps.close()
    return outputs, taken


@EVERY
def test_the_gradient_reaches_the_student_and_its_projector_and_never_the_teacher(case: Case) -> None:
    student, teacher = case.networks()
    teacher.requires_grad_(True)
    term = case.term(student, teacher)
    inputs = batch(student)
    with torch.no_grad():
        teaches = Answer(*answer(teacher, term.teacher_taps, inputs))
    learns = Answer(*answer(student, term.student_taps, inputs))
    mask = inputs["attention_mask"].bool() if isinstance(inputs, dict) else None
    term.loss(Moment(learns, teaches, torch.zeros(6), mask, 1, Pace(1, 1.0))).backward()
    assert any(bool(weight.grad.any()) for weight in student.parameters() if weight.grad is not None)
    assert all(weight.grad is None for weight in teacher.parameters())
    for name, weight in term.projector.named_parameters() if term.projector else ():
        assert weight.grad is not None, name


@EVERY
def test_a_few_updates_along_a_term_lower_it(case: Case) -> None:
    student, teacher = case.networks()
    term = case.term(student, teacher)
    learns = nn.ModuleList([student, *([term.projector] if term.projector else [])])
    optimizer = torch.optim.Adam(learns.parameters(), lr=3e-3)
    inputs = batch(student)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = loss_of(term, student, teacher, inputs)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.95 * losses[0]


@EVERY
def test_a_projector_is_no_part_of_the_student(case: Case) -> None:
    student, teacher = case.networks()
    before = {name: tensor.clone() for name, tensor in student.eval().state_dict().items()}
    term = case.term(student, teacher)
    loss_of(term, student, teacher, batch(student))
    after = student.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    if case.kind in ("hint", "hidden_state", "review"):
        assert term.projector is not None


@each([*OF_MAPS[:2], *OF_TOKENS, *OF_VECTORS, *OF_POOLED_MAPS, *OF_TEXTS])
def test_a_student_that_is_its_teacher_has_nothing_to_learn(case: Case) -> None:
    _, network = case.networks()
    term = case.term(network, network)
    assert term.projector is None
    assert abs(loss_of(term, network, network, batch(network)).item()) < 1e-6


@each([*OF_TOKENS, *OF_TEXTS])
def test_padding_changes_nothing(case: Case) -> None:
    student, teacher = case.networks()
    term = case.term(student, teacher)
    inputs = batch(student)
    assert isinstance(inputs, dict)
    five = {name: tensor.clone() for name, tensor in inputs.items()}
    five["attention_mask"][:, 5:] = 0
    trimmed = {name: tensor[:, :5] for name, tensor in five.items()}
    other_padding = five | {"input_ids": five["input_ids"].where(five["attention_mask"] == 1, 7)}
    nothing_padded = five | {"attention_mask": torch.ones_like(five["attention_mask"])}
    loss = loss_of(term, student, teacher, five)
    torch.testing.assert_close(loss_of(term, student, teacher, other_padding), loss)
    torch.testing.assert_close(loss_of(term, student, teacher, trimmed), loss)
    assert not torch.allclose(loss_of(term, student, teacher, nothing_padded), loss), "real tokens count"


@each([*OF_MAPS, *OF_TOKENS, *OF_VECTORS[:1]])
def test_the_parts_of_a_batch_add_up_by_what_a_term_averages_over(case: Case) -> None:
    student, teacher = case.networks()
    term = case.term(student, teacher)
    student, teacher = student.double().eval(), teacher.double()
    if term.projector is not None:
        term.projector.double().eval()  # batch norm aside
    drawn = batch(student)
    whole = drawn if isinstance(drawn, dict) else drawn.double()
    parts = [rows(whole, slice(0, 2)), rows(whole, slice(2, 6))]
    shares = portions([counted(part) for part in parts])
    losses = [loss_of(term, student, teacher, part) for part in parts]
    summed = sum(loss * share[term.averages_over] for loss, share in zip(losses, shares, strict=True))
    torch.testing.assert_close(summed, loss_of(term, student, teacher, whole), rtol=1e-9, atol=1e-12)


@each([*OF_VECTORS[1:], *OF_POOLED_MAPS, *OF_TEXTS])
def test_relations_between_examples_are_over_the_batch_which_has_no_parts(case: Case) -> None:
    student, teacher = case.networks()
    assert case.term(student, teacher).averages_over == "batch"
    assert case.kind in COMPARES_EXAMPLES


def test_a_weight_means_the_same_for_any_number_of_layers() -> None:
    student, teacher = cnn(4), cnn(4, 6)
    pair = {"student": "blocks.1", "teacher": "blocks.1"}
    one = term_between(student, teacher, "attention_transfer", layers=[pair])
    three = term_between(student, teacher, "attention_transfer", layers=[pair] * 3)
    inputs = batch(student)
    torch.testing.assert_close(
        loss_of(three, student.eval(), teacher, inputs), loss_of(one, student, teacher, inputs)
    )


def test_a_review_goes_up_from_the_deepest_stage_however_the_stages_are_listed() -> None:
    student, teacher = resnet([1, 1], 4).eval(), resnet([1, 1], 6).eval()
    stages = [{"student": f"layer{number}", "teacher": f"layer{number}"} for number in (1, 2)]
    inputs = batch(student)
    losses = [
        loss_of(term_between(student, teacher, "review", layers=listed), student, teacher, inputs)
        for listed in (stages, stages[::-1])
    ]
    torch.testing.assert_close(*losses)


def test_attention_is_that_of_the_networks_themselves() -> None:
    student, teacher = bert(1, 8, 2).eval(), bert(1, 12, 2).eval()
    inputs = batch(student)
    assert isinstance(inputs, dict)
    loss = loss_of(
        term_between(student, teacher, "attention_map", form="probabilities"), student, teacher, inputs
    )
    ours, theirs = (attention_of(network, inputs) for network in (student, teacher))
    real = inputs["attention_mask"].bool()
    kl = (theirs * (theirs.clamp(min=1e-30).log() - ours.clamp(min=1e-30).log())).sum(dim=-1).mean(dim=1)
    torch.testing.assert_close(loss, kl[real].mean(), rtol=1e-4, atol=1e-7)


def attention_of(network: nn.Module, inputs: dict[str, Tensor]) -> Tensor:
    """(B, heads, L, L), as transformers itself shows it where it takes no fast path."""
    network.set_attn_implementation("eager")  # type: ignore[operator]  # every model of transformers has it
    (attention,) = network.get_submodule("bert")(**inputs, output_attentions=True).attentions
    return torch.as_tensor(attention)


def test_similarity_sees_where_a_map_is_active_and_the_others_its_mean() -> None:
    student, teacher = (cnn(3).eval() for _ in range(2))
    pair = [{"student": "blocks.0", "teacher": "blocks.0"}]
    feature = torch.randn(4, 4, 16, 16)
    moved = torch.cat([feature[:2].flip(2), feature[2:]])

    def loss(kind: str) -> float:
        answers = (Answer(torch.zeros(4, 3), {"blocks.0": given}) for given in (moved, feature))
        moment = Moment(*answers, torch.zeros(4), None, 1, Pace(1, 1.0))
        return term_between(student, teacher, kind, layers=pair).loss(moment).item()

    assert loss("similarity") > 1e-4
    assert loss("correlation") < 1e-9


def rows(inputs: Inputs, which: slice) -> Inputs:
    if isinstance(inputs, dict):
        return {name: tensor[which] for name, tensor in inputs.items()}
    return inputs[which]


def counted(inputs: Inputs) -> Counts:
    mask = inputs["attention_mask"].bool() if isinstance(inputs, dict) else None
    examples = len(inputs["input_ids"] if isinstance(inputs, dict) else inputs)
    return counts(torch.zeros(examples, dtype=torch.int64), mask, examples=examples)
