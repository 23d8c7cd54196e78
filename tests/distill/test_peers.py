"""Two students that teach each other, against algorithm 1 of Zhang et al. (2018) written out."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from distill.config.losses import HardTarget, SoftTarget
from distill.config.training import Sgd, Training
from distill.lesson import Lesson
from distill.peers import Peer, train_together
from distill.schedule import rate_at
from distill.train import train
from tests.distill.clouds import learner, lesson, network, plain_network, terms, weights

TRAINING = Training(steps=8, batch_size=30, optimizer=Sgd(kind="sgd", momentum=0, weight_decay=0))


def mutual(training: Training = TRAINING) -> Lesson:
    both = terms(SoftTarget(weight=1.0, temperature=1.0), HardTarget(weight=1.0))
    return lesson(training, terms=both, teacher=None)


def by_hand(student: nn.Module, peer: nn.Module, taught: Lesson) -> None:
    """The networks after all updates. The last line of the algorithm's loop is its second half."""

    def learn(one: nn.Module, other: nn.Module, inputs: Tensor, labels: Tensor, rate: float) -> None:
        with torch.no_grad():
            p = F.log_softmax(other(inputs), dim=1)
        own = one(inputs)
        kl = F.kl_div(F.log_softmax(own, dim=1), p, reduction="batchmean", log_target=True)
        loss = F.cross_entropy(own, labels) + kl
        gradients = torch.autograd.grad(loss, list(one.parameters()))
        with torch.no_grad():
            for weight, gradient in zip(one.parameters(), gradients, strict=True):
                weight -= rate * gradient

    for number in range(1, TRAINING.steps + 1 if TRAINING.steps else 0):
        inputs, labels = taught.train.batch(taught.order.batch(number))
        rate = rate_at(TRAINING, number, taught.steps)
        learn(student, peer, inputs, labels, rate)
        learn(peer, student, inputs, labels, rate)


def test_each_update_lets_the_student_learn_from_the_peer_then_the_peer_from_the_student() -> None:
    taught = mutual()
    student, peer = plain_network(seed=1), plain_network(seed=2, width=8)
    expected_student, expected_peer = plain_network(seed=1), plain_network(seed=2, width=8)
    by_hand(expected_student, expected_peer, taught)

    other = Peer(peer, taught)
    list(train_together(taught, learner(taught, student), other))

    for ours, theirs in ((student, expected_student), (peer, expected_peer)):
        for mine, yours in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(mine, yours, rtol=1e-5, atol=1e-6)


def test_whoever_answers_draws_nothing_and_learns_nothing_from_it() -> None:
    """The student's own draws are those that it makes alone, so that its control makes them too."""
    taught = mutual()
    alone = lesson(TRAINING, terms=terms(HardTarget(weight=1.0)), teacher=None)
    draws: dict[str, list[Tensor]] = {"alone": [], "together": []}

    def drawn(by: str) -> nn.Module:
        module = network()
        module[3].register_forward_hook(  # type: ignore[index]  # dropout
            lambda part, _, output: draws[by].append(output == 0) if part.training else None
        )
        return module

    peer = Peer(network(seed=2), taught)
    list(train_together(taught, learner(taught, drawn("together")), peer))
    list(train(alone, learner(alone, drawn("alone"))))

    first = [drawn[0] for drawn in draws.values()]
    assert first[0].equal(first[1])
    assert len(draws["alone"]) == len(draws["together"]) == TRAINING.steps


def test_both_are_measured_after_each_epoch() -> None:
    taught = mutual()

    steps = list(train_together(taught, learner(taught, network()), Peer(network(seed=2), taught)))

    for step in steps:
        assert step.peer is not None
        assert (step.validation is None) == (step.peer.validation is None)
    assert steps[-1].validation is not None


def test_a_restored_pair_takes_the_same_next_steps() -> None:
    taught = mutual()
    modules = [network(seed=1), network(seed=2)]
    peer = Peer(modules[1], taught)
    list(train_together(taught, learner(taught, modules[0]), peer))

    peer = Peer(network(seed=2), taught)
    student = learner(taught, network(seed=1))
    for step in train_together(taught, student, peer):
        if step.number == 3:
            break
    states = student.state(), peer.state()
    resumed = [network(seed=8), network(seed=9)]
    peer = Peer(resumed[1], taught)
    student = learner(taught, resumed[0])
    peer.restore(states[1])
    student.restore(states[0])
    list(train_together(taught, student, peer))

    assert [weights(module) for module in resumed] == [weights(module) for module in modules]
