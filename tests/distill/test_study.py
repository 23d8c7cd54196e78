"""A run of several stages: the weights go on, everything else begins anew."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from distill.config.losses import HardTarget, SoftTarget
from distill.config.training import EarlyStopping, Sgd, Training
from distill.study import Study
from distill.train import judged
from tests.distill.clouds import course, lesson, network, terms, view

MOMENTUM = Sgd(kind="sgd", learning_rate=0.1)


def training(**changes: Any) -> Training:
    return Training(**{"steps": 9, "batch_size": 30, "optimizer": MOMENTUM} | changes)


def finish(study: Study) -> None:
    for _ in study.lessons():
        list(study.updates())


def bits(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(one[name].equal(other[name]) for name in one)


def test_the_weights_go_on_and_optimizer_schedule_and_what_counts_as_best_begin_anew() -> None:
    study = Study(course(lesson(training()), lesson(training(seed=1))))
    ends: list[dict[str, Tensor]] = []

    for number, _ in enumerate(study.lessons()):
        learner = study.learner
        if number == 1:
            assert same(bits(learner.module), ends[0])
        assert learner.step == 0
        assert learner.best_figure is None
        assert not any(slot.any() for slot in learner.optimizer.state().values())
        rates = [step.learning_rate for step in study.updates()]
        assert rates[0] == 0.1
        assert any(slot.any() for slot in learner.optimizer.state().values())
        ends.append(bits(learner.module))

    assert len(ends) == 2


def test_updates_are_counted_through_all_stages() -> None:
    study = Study(course(lesson(training(steps=3)), lesson(training(steps=2)), lesson(training(steps=4))))

    numbers = [[(step.number, step.in_stage) for step in study.updates()] for _ in study.lessons()]

    assert numbers == [[(1, 1), (2, 2), (3, 3)], [(4, 1), (5, 2)], [(6, 1), (7, 2), (8, 3), (9, 4)]]
    trained = study.trained()["student"]
    assert trained.stage_steps == [3, 2, 4]
    assert trained.steps == trained.chosen_step == 9


def test_a_stage_begins_where_its_seed_says_whatever_the_stage_before_drew() -> None:
    """So that a control, whose stages draw the same, needs not have drawn the same before."""
    drawn = []
    for first in (training(steps=1), training(steps=8)):
        study = Study(course(lesson(first), lesson(training(seed=5))))
        stages = study.lessons()
        next(stages)
        list(study.updates())
        next(stages)
        drawn.append(torch.get_rng_state())

    assert drawn[0].equal(drawn[1])


def test_the_best_weights_of_a_stage_are_those_that_the_next_begins_with() -> None:
    wild = training(steps=24, select="best", optimizer=Sgd(kind="sgd", learning_rate=0.5))
    study = Study(course(lesson(wild), lesson(training(steps=2))))
    stages = study.lessons()
    next(stages)
    kept = {step.in_stage: bits(study.learner.module) for step in study.updates()}
    best = study.learner.best_step
    next(stages)

    assert best < 24
    assert same(bits(study.learner.module), kept[best])


def test_the_update_that_was_chosen_is_counted_through_all_stages() -> None:
    wild = training(steps=24, select="best", optimizer=Sgd(kind="sgd", learning_rate=0.5))
    study = Study(course(lesson(training(steps=5)), lesson(wild)))
    figures = {
        step.number: step.validation
        for _ in study.lessons()
        for step in study.updates()
        if step.number > 5 and step.validation is not None
    }

    trained = study.trained()["student"]

    assert trained.chosen_step == max(figures, key=lambda number: (figures[number], -number))
    assert trained.validation == figures[29]
    assert judged(study.learner.module, study.course.lessons[1]) == figures[trained.chosen_step]


def test_a_stage_may_stop_early_and_the_next_goes_on() -> None:
    still = training(
        steps=300,
        optimizer=Sgd(kind="sgd", learning_rate=1e-9),
        early_stopping=EarlyStopping(patience=2),
    )
    study = Study(course(lesson(still), lesson(training(steps=4))))
    finish(study)

    first, second = study.trained()["student"].stage_steps

    assert first < 60
    assert second == 4


def test_a_stage_that_rounds_is_left_out_where_the_network_needs_it_not() -> None:
    asked: list[dict[str, Tensor]] = []

    def needs_rounding(module: nn.Module) -> bool:
        asked.append(bits(module))
        return False

    first, last = lesson(training(steps=4)), lesson(training(steps=3, seed=2))
    rounds = lesson(training(steps=6, seed=1), rounds=True)
    study = Study(replace(course(first, rounds, last, rounds), needs_rounding=needs_rounding))
    finish(study)
    plain = Study(course(first, last))
    finish(plain)

    trained, without = study.trained()["student"], plain.trained()["student"]
    assert trained.stage_steps == [4, 0, 3, 0]
    assert (trained.steps, trained.chosen_step) == (without.steps, without.chosen_step) == (7, 7)
    assert trained.validation == without.validation
    assert same(trained.weights, without.weights)
    assert same(asked[1], trained.weights)


def test_a_stage_that_rounds_is_taken_where_the_network_needs_it_and_nothing_rounds_after_it() -> None:
    rounds = lesson(training(steps=6, seed=1), rounds=True)
    study = Study(replace(course(lesson(training(steps=4)), rounds), needs_rounding=lambda module: True))
    finish(study)
    full = Study(course(lesson(training(steps=4)), replace(rounds, rounds=False)))
    finish(full)

    trained = study.trained()["student"]
    assert trained.stage_steps == [4, 6]
    assert not same(trained.weights, full.trained()["student"].weights)
    assert trained.weights.keys() == full.trained()["student"].weights.keys()
    module = network()
    module.load_state_dict(trained.weights)
    inputs, _ = view(10).batch(torch.arange(10))
    assert study.learner.module.eval()(inputs).equal(module.eval()(inputs))


def test_a_restored_study_goes_on_in_its_stage() -> None:
    stages = [
        lesson(training(steps=4), terms=terms(HardTarget()), teacher=None),
        lesson(training(steps=7, select="best"), terms=terms(SoftTarget())),
        lesson(training(steps=3)),
    ]
    whole = Study(course(*stages))
    finish(whole)

    begun = Study(course(*stages))
    numbers = (step.number for _ in begun.lessons() for step in begun.updates())
    assert 8 in numbers
    state = begun.state()
    resumed = Study(course(*stages, fresh=lambda: network(seed=9)), state)
    finish(resumed)

    assert resumed.trained()["student"].facts() == whole.trained()["student"].facts()
    assert same(resumed.trained()["student"].weights, whole.trained()["student"].weights)
