"""The runs of a job as courses: who learns what, from which rows, for how long, and in which order.

Teachers that the job makes come first, then a student for each seed, then the controls. A course is
made when the runs that it builds on are finished.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor, nn

from distill.config.job import Stage, in_full
from distill.config.losses import HardTarget, LayerTerm
from distill.config.networks import Network
from distill.config.teachers import Mutual, SelfTaught, TeacherToTrain
from distill.config.training import Training
from distill.knowledge import Knowledge, Live, gathered, is_worth_it
from distill.lesson import Course, Lesson, Teaching
from distill.losses.terms import Moment, Term, logit_term
from distill.opening import Opened
from distill.runs import CONTROL_OF_TOP_CLASS, TOP_CLASS, of_generation, of_seed
from distill.schedule import steps_of
from distill.study import Trained
from distill.teachers import Teacher

APART = 1000
"""How far the seeds of networks lie apart that learn like the student and must not begin like it."""


class Lessons:
    """Makes the courses of one opened job. `finished` are its runs that are over, as they become so."""

    def __init__(
        self,
        opened: Opened,
        finished: Mapping[str, Trained],
        needs_rounding: Callable[[nn.Module], bool] | None = None,
    ) -> None:
        self._opened = opened
        self._finished = finished
        self._needs_rounding = needs_rounding
        self._who = opened.document.teacher
        self._evaluation = opened.document.evaluation
        self._knowledge: Knowledge | None = None

    def of_teachers(self) -> Iterator[Course]:
        """Those who will teach and must learn first; each may learn from the one before."""
        if isinstance(self._who, TeacherToTrain):
            yield self._teacher(self._who.train.training)
        if isinstance(self._who, SelfTaught):
            for number in range(self._who.self_distillation.generations):
                yield self._generation(number)
        if self._opened.assistant_network is not None:
            yield self._assistant()

    def of_students(self) -> Iterator[Course]:
        """A student for each seed."""
        return (self._student(number) for number in self._seeds)

    def of_controls(self) -> Iterator[Course]:
        """What each student would have learned without its teacher, and from the teacher's top class
        alone, where the job wants to know."""
        if self._opened.document.has_control:
            yield from (self._control(number) for number in self._seeds)
        if TOP_CLASS in self._evaluation.controls:
            yield from (self._control_of_top_class(number) for number in self._seeds)

    @property
    def gathers(self) -> bool:
        """Whether the students' teacher is asked about every example once and for all.

        It depends on the job alone, so that every attempt at it comes to the same.
        """
        if isinstance(self._who, Mutual):
            return False
        stages = [stage for stage in self._opened.course if _needs_outputs_alone(stage)]
        if TOP_CLASS in self._evaluation.controls:
            stages += self._opened.course
        train = self._opened.train
        asked = sum(steps_of(stage.training, len(train)) * stage.training.batch_size for stage in stages)
        outputs = self._opened.student_network.num_outputs
        return is_worth_it(train, outputs=outputs, asked=asked * len(self._seeds))

    @property
    def must_gather(self) -> bool:
        """Whether there is a run ahead that needs what is gathered."""
        asking = ["student", *([CONTROL_OF_TOP_CLASS] if TOP_CLASS in self._evaluation.controls else [])]
        runs = [of_seed(run, number) for run in asking for number in self._seeds]
        return self.gathers and any(run not in self._finished for run in runs)

    def gather(self, after: Callable[[int], None]) -> None:
        """Ask the students' teacher about every example; `after` is called with those that are behind."""
        training = self._opened.course[0].training
        self._knowledge = gathered(self._master, self._opened.train, training, after=after)

    @property
    def _seeds(self) -> range:
        """Their numbers, from 1."""
        return range(1, self._evaluation.seeds + 1)

    @cached_property
    def _teacher_of_all(self) -> Teacher:
        """The teacher of the job: uploaded, or the first run that is over."""
        return self._opened.uploaded_teacher or self._graduate("teacher", self._opened.teacher_network)

    @cached_property
    def _master(self) -> Teacher:
        """Who teaches the students: the last of those that come before them."""
        if self._opened.assistant_network is not None:
            return self._graduate("assistant", self._opened.assistant_network)
        if isinstance(self._who, SelfTaught):
            last = self._who.self_distillation.generations - 1
            return self._graduate(of_generation(last), self._opened.student_network)
        return self._teacher_of_all

    def _graduate(self, run: str, network: Network) -> Teacher:
        return self._opened.graduate(network, self._finished[run].weights)

    def _teacher(self, training: Training) -> Course:
        """Hard targets alone, on every label that train has."""
        everything = self._opened.everything
        lesson = Lesson(
            training,
            (self._hard_target,),
            train=everything,
            validation=self._opened.validation,
            rows=everything.labeled_rows(),
            pass_length=len(everything.labeled_rows()),
        )
        return Course("teacher", (lesson,), lambda: self._opened.fresh_teacher(training.seed))

    def _assistant(self) -> Course:
        """Learns from the teacher of the job, as the students will from it."""
        stages = in_full(self._opened.tuitions["assistant"].course)
        lessons = tuple(self._taught(stage, self._teacher_of_all, "assistant") for stage in stages)
        return Course("assistant", lessons, lambda: self._opened.fresh_assistant(stages[0].training.seed))

    def _generation(self, number: int) -> Course:
        """A student before the student: taught by the one before it, the first by the labels alone."""
        stages = _later(in_full(self._opened.course), APART * (number + 1))
        if number == 0:
            lessons = [self._by_labels(stage) for stage in stages]
        else:
            teacher = self._graduate(of_generation(number - 1), self._opened.student_network)
            lessons = [self._taught(stage, teacher) for stage in stages]
        return Course(of_generation(number), tuple(lessons), self._beginning(stages))

    def _student(self, number: int) -> Course:
        stages = self._stages(number)
        run, fresh = of_seed("student", number), self._beginning(stages)
        if isinstance(self._who, Mutual):
            peers = _later(self._opened.tuitions["peer"].course, number - 1)
            return Course(run, self._together(stages, "student"), fresh, peer=self._peer(number, peers))
        lessons = tuple(self._taught(stage, self._master) for stage in stages)
        return Course(run, lessons, fresh, needs_rounding=self._needs_rounding)

    def _peer(self, number: int, stages: list[Stage]) -> Course:
        """The other one of two students: it has the losses and the batches of the first."""
        seed = stages[0].training.seed
        return Course(
            of_seed("teacher", number),
            self._together(stages, "peer"),
            lambda: self._opened.fresh_teacher(seed),
        )

    def _together(self, stages: list[Stage], learner: str) -> tuple[Lesson, ...]:
        """The lessons of one of two students. What the other one says comes with the training."""
        return tuple(self._lesson(stage, self._opened.terms_of(stage, learner)) for stage in stages)

    def _control(self, number: int) -> Course:
        """Hard targets alone, on the labeled rows, repeated to fill as many updates as the student had."""
        stages = self._stages(number)
        mirrored = zip(stages, self._finished[of_seed("student", number)].stage_steps, strict=True)
        lessons = [_to_the_end(self._by_labels(stage), steps) for stage, steps in mirrored]
        return self._mirrors(of_seed("control", number), lessons, stages)

    def _control_of_top_class(self, number: int) -> Course:
        """The teacher's top class as the label of every row: what a student learns beyond it came from
        the soft targets."""
        stages = self._stages(number)
        mirrored = zip(stages, self._finished[of_seed("student", number)].stage_steps, strict=True)
        terms = (_on_top_class(self._hard_target),)
        lessons = [
            _to_the_end(self._lesson(stage, terms, self._teaching(self._master, ())), steps)
            for stage, steps in mirrored
        ]
        return self._mirrors(of_seed(CONTROL_OF_TOP_CLASS, number), lessons, stages)

    def _mirrors(self, run: str, lessons: Sequence[Lesson], stages: list[Stage]) -> Course:
        """A control: it begins as the student did, and is rounded where that was."""
        return Course(run, tuple(lessons), self._beginning(stages), needs_rounding=self._needs_rounding)

    def _taught(self, stage: Stage, teacher: Teacher, learner: str = "student") -> Lesson:
        """The terms of a stage, on every row; where none of them needs the teacher, by labels."""
        terms = self._opened.terms_of(stage, learner)
        if not any(term.needs_teacher for term in terms):
            return self._by_labels(stage, terms)
        layers = tuple(name for term in terms for name in term.teacher_taps)
        return self._lesson(stage, terms, self._teaching(teacher, layers))

    def _by_labels(self, stage: Stage, terms: tuple[Term, ...] | None = None) -> Lesson:
        rows = self._opened.train.labeled_rows()
        return replace(self._lesson(stage, terms or (self._hard_target,)), rows=rows)

    def _lesson(self, stage: Stage, terms: tuple[Term, ...], teacher: Teaching | None = None) -> Lesson:
        train = self._opened.train
        return Lesson(
            stage.training,
            terms,
            train=train,
            validation=self._opened.validation,
            rows=torch.arange(len(train)),
            pass_length=len(train),
            teacher=teacher,
            rounds=stage.quantize is not None,
        )

    def _teaching(self, teacher: Teacher, layers: tuple[str, ...]) -> Teaching:
        if self._knowledge is not None and teacher is self._master and not layers:
            return self._knowledge
        return Live(teacher, self._opened.train, layers)

    @cached_property
    def _hard_target(self) -> Term:
        return logit_term(HardTarget(weight=1.0), target=self._opened.science.target)

    def _stages(self, number: int) -> list[Stage]:
        """Those of the student of this seed, and of its controls."""
        return _later(self._opened.course, number - 1)

    def _beginning(self, stages: list[Stage]) -> Callable[[], nn.Module]:
        """A student, or its control, as both begin: with the same weights."""
        seed = stages[0].training.seed
        takes_layers = self._opened.document.student.from_teacher is not None
        return lambda: self._opened.fresh_student(seed, self._teacher_of_all if takes_layers else None)


def _later(stages: list[Stage], seeds: int) -> list[Stage]:
    """The same stages, each with a seed so much later."""
    return [
        stage.model_copy(
            update={"training": stage.training.model_copy(update={"seed": stage.training.seed + seeds})}
        )
        for stage in stages
    ]


def _on_top_class(hard_target: Term) -> Term:
    """The same term, its labels the classes that the teacher holds for most likely."""

    def loss(moment: Moment) -> Tensor:
        return hard_target.loss(replace(moment, labels=moment.taught.outputs.argmax(dim=-1)))

    return replace(hard_target, loss=loss, averages_over="rows")


def _to_the_end(lesson: Lesson, steps: int) -> Lesson:
    """The same lesson, ending after so many updates and not before: where another run ended."""
    return replace(lesson, ends_after=steps)


def _needs_outputs_alone(stage: Stage) -> bool:
    """Whether the stage asks the teacher for its outputs, and for nothing inside it."""
    needing = [section for section in stage.losses if section.kind != "hard_target"]
    return bool(needing) and not any(isinstance(section, LayerTerm) for section in needing)
