"""Teachers: one or several, each with its own view, its own order and its own units, answer as one."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from distill import models
from distill.config.networks import Input, Network, Preprocessing, Scale
from distill.preprocess import Preprocessor
from distill.teachers import FrozenTeacher, Panel, in_units_of, load_teachers, renormalized

PICTURE = Input(kind="image", shape=[3, 4, 4], dtype="uint8")
TABLE = Input(kind="tabular", shape=[5], dtype="float32")
PIXELS = torch.arange(2 * 48, dtype=torch.uint8).view(2, 3, 4, 4)


def linear(inputs: int = 5, outputs: int = 3, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(inputs, 8), nn.ReLU(), nn.Linear(8, outputs))


class Says(nn.Module):
    """Answers the same whatever it is shown."""

    def __init__(self, outputs: list[list[float]]) -> None:
        super().__init__()
        self.register_buffer("outputs", torch.tensor(outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        answer: Tensor = self.outputs
        return answer


def panel(target: Any, *outputs: list[list[float]], **how: Any) -> Tensor:
    several = Panel([FrozenTeacher(Says(each)) for each in outputs], target=target, **how)
    answered: Tensor = several(torch.zeros(1)).outputs
    return answered


def test_a_teacher_answers_in_the_order_of_the_labels_free_of_any_graph() -> None:
    module, inputs = linear(), torch.randn(4, 5)
    answer = FrozenTeacher(module, torch.tensor([2, 0, 1]))(inputs)
    assert answer.outputs.equal(module(inputs)[:, [2, 0, 1]])
    assert not answer.outputs.requires_grad
    weight = torch.ones(3, requires_grad=True)
    torch.autograd.backward((answer.outputs * weight).sum())
    assert weight.grad is not None


def test_a_teacher_shows_the_layers_that_were_asked_for_last() -> None:
    module, inputs = linear(), torch.randn(4, 5)
    teacher = FrozenTeacher(module, torch.tensor([2, 0, 1]))
    assert teacher(inputs).taps == {}
    teacher.listen_to(["0", "2:input"])
    assert set(teacher(inputs).taps) == {"0", "2:input"}
    teacher.listen_to(["outputs"])
    answer = teacher(inputs)
    assert set(answer.taps) == {"outputs"}
    assert answer.taps["outputs"].equal(answer.outputs)


def test_a_teacher_stays_in_eval_mode_whoever_trains_what_it_is_part_of() -> None:
    teacher = FrozenTeacher(nn.Sequential(nn.Linear(5, 3), nn.Dropout(0.9)))
    whole = nn.Sequential(teacher).train()
    teacher.network.train()
    inputs = torch.randn(4, 5)
    assert teacher(inputs).outputs.equal(teacher(inputs).outputs)
    assert all(not weight.requires_grad for weight in whole.parameters())


def test_the_mean_of_classifiers_is_the_geometric_mean_of_what_they_believe() -> None:
    one, other = [[0.0, 2.0, -1.0]], [[5.0, 1.0, 1.0]]
    beliefs = [torch.tensor(logits).softmax(dim=-1) for logits in (one, other)]
    geometric = (beliefs[0] * beliefs[1]).sqrt()
    expected = geometric / geometric.sum(dim=-1, keepdim=True)
    torch.testing.assert_close(panel("class", one, other).softmax(dim=-1), expected)


def test_a_teacher_who_adds_the_same_to_all_its_logits_says_no_more_than_before() -> None:
    one, other = [[0.0, 2.0, -1.0]], [[5.0, 1.0, 1.0]]
    raised = [[value + 100 for value in other[0]]]
    torch.testing.assert_close(panel("class", one, raised), panel("class", one, other), atol=1e-4, rtol=0)


def test_a_weight_is_the_share_of_a_teacher_among_all() -> None:
    one, other = [[1.0]], [[5.0]]
    assert panel("number", one, other).item() == 3.0
    assert panel("number", one, other, combine="weighted", weights=[3.0, 1.0]).item() == 2.0


def test_sets_of_labels_numbers_and_embeddings_are_averaged_as_they_are() -> None:
    one, other = [[1.0, -3.0]], [[5.0, 1.0]]
    for target in ("label_set", "number", "embedding"):
        assert panel(target, one, other).tolist() == [[3.0, -1.0]]


def test_each_example_is_taught_by_the_teacher_who_is_surest_of_it() -> None:
    sure_of_the_first = [[9.0, 0.0], [0.1, 0.0]]
    sure_of_the_second = [[0.0, 0.1], [0.0, 9.0]]
    top = panel("class", sure_of_the_first, sure_of_the_second, combine="most_confident").softmax(dim=-1)
    assert top.argmax(dim=-1).tolist() == [0, 1]
    assert float(top.max(dim=-1).values.min()) > 0.99


def test_each_word_is_taught_by_the_teacher_who_is_surest_of_it() -> None:
    """Tags come as (B, L, tags)."""
    one, other = torch.zeros(2, 3, 4), torch.zeros(2, 3, 4)
    one[0, 1, 2] = other[1, 2, 3] = 8.0
    several = Panel(
        [FrozenTeacher(Says(each.tolist())) for each in (one, other)], target="tag", combine="most_confident"
    )
    answered = several(torch.zeros(1)).outputs
    assert answered.shape == (2, 3, 4)
    assert answered[0, 1].argmax() == 2
    assert answered[1, 2].argmax() == 3


def test_of_sets_of_labels_the_surest_is_who_leaves_the_fewest_open() -> None:
    decided, open_question = [[9.0, -9.0]], [[9.0, 0.0]]
    assert panel("label_set", open_question, decided, combine="most_confident").tolist() == decided


def test_a_panel_shows_the_layers_of_its_first_teacher() -> None:
    several = Panel([FrozenTeacher(linear(seed=seed)) for seed in (0, 1)], target="class")
    several.listen_to(["0"])
    inputs = torch.randn(4, 5)
    assert several(inputs).taps["0"].equal(several.first.network[0](inputs))


@pytest.mark.parametrize(
    ("job", "own"),
    [
        (Preprocessing(scale=1 / 255), Preprocessing(scale=1.0, mean=[120.0], std=[60.0])),
        (
            Preprocessing(scale=1 / 255, mean=[0.4, 0.5, 0.6], std=[0.2, 0.3, 0.4]),
            Preprocessing(scale=1 / 127.5, mean=[1.0]),
        ),
        (
            Preprocessing(scale=1 / 255, mean=[0.4, 0.5, 0.6], std=[0.2, 0.3, 0.4]),
            Preprocessing(mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0], channel_order="bgr"),
        ),
        (
            Preprocessing(mean=[1.0, 2.0, 3.0], channel_order="bgr"),
            Preprocessing(scale=1 / 255, mean=[0.4, 0.5, 0.6], std=[0.2, 0.3, 0.4]),
        ),
    ],
)
def test_a_teacher_sees_its_own_normalization_of_the_view_of_the_job(
    job: Preprocessing, own: Preprocessing
) -> None:
    sees = renormalized(job, own, PICTURE)
    assert sees is not None
    shown = Preprocessor(job, PICTURE)(PIXELS)
    torch.testing.assert_close(sees(shown), Preprocessor(own, PICTURE)(PIXELS), atol=1e-4, rtol=1e-5)


def test_nothing_is_computed_where_the_normalizations_agree() -> None:
    same = Preprocessing(scale=1 / 255, mean=[0.5], std=[0.2])
    assert renormalized(same, same, PICTURE) is None


def test_numbers_are_brought_to_the_space_of_the_labels_in_their_order() -> None:
    job = Scale(mean=[10.0, 100.0], std=[2.0, 50.0])
    own = Scale(mean=[200.0, 20.0], std=[10.0, 4.0])
    in_units = torch.tensor([[12.0, 150.0]])
    raw = torch.tensor([[(150.0 - 200.0) / 10.0, (12.0 - 20.0) / 4.0]])
    order = torch.tensor([1, 0])
    standardized = torch.tensor([[1.0, 1.0]])
    for scale, given, expected in (
        (job, None, standardized),
        (None, own, in_units),
        (job, own, standardized),
    ):
        outputs = raw if given is own else in_units.flip(-1)
        brought = in_units_of(scale, given, order)
        assert brought is not None
        torch.testing.assert_close(brought(outputs[:, order]), expected)


def test_one_scale_in_another_order_is_another_scale() -> None:
    job, own = Scale(mean=[1.0, 2.0], std=[1.0, 1.0]), Scale(mean=[1.0, 2.0], std=[1.0, 1.0])
    assert in_units_of(job, own, None) is None
    assert in_units_of(job, own, torch.tensor([1, 0])) is not None


def uploaded(folder: Path, labels: list[str], mean: float, seed: int) -> Network:
    config = {"depth": 2, "width": 4}
    torch.manual_seed(seed)
    module = models.build("mlp", config, input=TABLE, num_outputs=2)
    folder.mkdir(parents=True)
    save_file(module.state_dict(), folder / "model.safetensors")
    return Network(
        task="tabular-classification",
        architecture="mlp",
        config=config,
        labels=labels,
        num_outputs=2,
        input=TABLE,
        preprocessing=Preprocessing(mean=[mean]),
        files={"model.safetensors": "0"},
    )


def test_uploaded_teachers_say_together_what_each_says_of_its_own_view(tmp_path: Path) -> None:
    first = uploaded(tmp_path / "0", ["low", "high"], mean=0.0, seed=0)
    second = uploaded(tmp_path / "1", ["high", "low"], mean=5.0, seed=1)
    features = torch.randn(6, 5)

    teacher = load_teachers(
        [first, second],
        [tmp_path / "0", tmp_path / "1"],
        labels=["low", "high"],
        preprocessing=first.preprocessing,
        scale=None,
    )

    of_first = models.load_network(first, tmp_path / "0")(features).log_softmax(dim=-1)
    of_second = models.load_network(second, tmp_path / "1")(features - 5.0).log_softmax(dim=-1)
    together = (of_first + of_second.flip(-1)) / 2
    torch.testing.assert_close(teacher(features).outputs, together, atol=1e-5, rtol=1e-5)
