"""What brings the student's features to the teacher's shape."""

import pytest
import torch
from torch import nn

from distill.layers.fusion import FusedStages
from distill.layers.projectors import projector, projectors, same_size, seeded


@pytest.mark.parametrize("shape", [(5,), (7, 5), (5, 4, 4)], ids=["vector", "sequence", "map"])
def test_where_the_shapes_agree_there_is_nothing_to_learn(shape: tuple[int, ...]) -> None:
    feature = torch.randn(3, *shape)
    assert torch.equal(projector(shape, shape)(feature), feature)


@pytest.mark.parametrize(
    ("student", "teacher"),
    [((5,), (9,)), ((7, 5), (7, 9)), ((5, 8, 8), (9, 4, 4)), ((5, 4, 2), (9, 8, 8))],
    ids=["vector", "sequence", "larger map", "smaller map"],
)
def test_features_come_to_one_shape(student: tuple[int, ...], teacher: tuple[int, ...]) -> None:
    ours, theirs = same_size(torch.randn(3, *student), torch.randn(3, *teacher))
    assert projector(student, teacher)(ours).shape == theirs.shape


def test_the_larger_map_is_averaged_down_to_the_smaller() -> None:
    large = torch.arange(16.0).view(1, 1, 4, 4)
    pooled, _ = same_size(large, torch.zeros(1, 1, 2, 2))
    assert pooled.flatten().tolist() == [2.5, 4.5, 10.5, 12.5]


def test_the_first_weights_follow_from_shapes_and_seed_and_no_one_elses_chance_moves() -> None:
    def first_weights(seed: int) -> torch.Tensor:
        made = seeded(seed, lambda: projectors([((5,), (9,)), ((5, 4, 4), (9, 4, 4))]))
        return nn.utils.parameters_to_vector(made.parameters())

    before = torch.get_rng_state()
    weights = first_weights(1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    assert torch.equal(first_weights(1), weights)
    assert not torch.equal(first_weights(2), weights)


def test_fused_stages_have_the_shapes_of_the_teacher() -> None:
    student, teacher = [(4, 16, 12), (8, 8, 6), (8, 4, 3)], [(6, 8, 6), (12, 8, 6), (24, 2, 2)]
    fused = FusedStages(student, teacher)([torch.randn(3, *shape) for shape in student])
    assert [tuple(feature.shape[1:]) for feature in fused] == teacher


def test_a_fused_stage_knows_what_deeper_stages_know_and_nothing_of_earlier_ones() -> None:
    shapes = [(4, 8, 8), (8, 4, 4)]
    fuse = FusedStages(shapes, shapes).eval()
    early, deep = (torch.randn(2, *shape) for shape in shapes)
    first, second = fuse([early, deep])
    of_other_depth = fuse([early, deep + 1])
    of_other_start = fuse([early + 1, deep])
    assert not torch.equal(of_other_depth[0], first)
    assert not torch.equal(of_other_depth[1], second)
    assert torch.equal(of_other_start[1], second)
