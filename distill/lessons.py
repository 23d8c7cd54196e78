"""The three runs of a job as lessons: who learns what, from which rows, for how long."""

import torch
from torch import nn

from distill.attempt import Trained
from distill.config.losses import HardTarget, LayerTerm
from distill.config.networks import Network
from distill.config.tasks import TASKS
from distill.config.teachers import TeacherToTrain
from distill.config.training import Training
from distill.evaluate.cost import macs
from distill.losses.terms import Term, logit_term, terms_of
from distill.models import build_on_meta, example_batch
from distill.opening import Opened
from distill.preprocess import view
from distill.schedule import steps_of
from distill.train import FrozenTeacher, Learner, Lesson

UPDATE_MACS = 30_000_000
"""What an update costs beside its multiply-adds, as so many of them: measured on small networks."""


class Lessons:
    """Makes the lessons of one opened job."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        document = opened.document
        self._target = TASKS[document.task].target
        self._training = document.course[0].training
        self._teacher_training = (
            document.teacher.train.training if isinstance(document.teacher, TeacherToTrain) else None
        )

    def teacher(self) -> Lesson:
        """Hard targets alone, on every label that train has."""
        training, everything = self._teacher_training, self._opened.everything
        assert training is not None
        rows = everything.labeled_rows()
        steps = steps_of(training, len(rows))
        return Lesson(
            run="teacher",
            training=training,
            terms=(logit_term(HardTarget(weight=1.0), target=self._target),),
            train=everything,
            validation=self._opened.validation,
            rows=rows,
            pass_length=len(rows),
            steps=steps,
            last_step=steps,
        )

    def student(self, teacher: FrozenTeacher) -> Lesson:
        """The terms of the document, on every row, with the labels that it may see."""
        train = self._opened.train
        steps = steps_of(self._training, len(train))
        return Lesson(
            run="student",
            training=self._training,
            terms=terms_of(
                self._opened.document.course[0].losses, target=self._target, layer_term=_of_layers
            ),
            train=train,
            validation=self._opened.validation,
            rows=torch.arange(len(train)),
            pass_length=len(train),
            steps=steps,
            last_step=steps,
            teacher=teacher,
        )

    def control(self, student: Trained) -> Lesson:
        """What the student would have learned without a teacher: hard targets alone, on the labeled
        rows, repeated to fill as many updates as the student had."""
        train = self._opened.train
        return Lesson(
            run="control",
            training=self._training,
            terms=(logit_term(HardTarget(weight=1.0), target=self._target),),
            train=train,
            validation=self._opened.validation,
            rows=train.labeled_rows(),
            pass_length=len(train),
            steps=steps_of(self._training, len(train)),
            last_step=student.steps,
        )

    def new_teacher(self) -> Learner:
        """A teacher that knows nothing yet."""
        assert self._teacher_training is not None
        return self._beginner(self._opened.teacher, self._teacher_training)

    def new_student(self) -> Learner:
        """A student, or its control: both start with the same weights."""
        return self._beginner(self._opened.student, self._training)

    def graduate(self, trained: Trained) -> FrozenTeacher:
        """The teacher that came out of its training, never to change again."""
        module = self._opened.fresh(self._opened.teacher, seed=0)
        module.load_state_dict(trained.weights)
        return FrozenTeacher(module)

    def costs(self) -> dict[str, float]:
        """What one update of each run costs, in the order of training: a backward pass costs twice
        a forward one."""
        teacher, student = _macs(self._opened.teacher), _macs(self._opened.student)
        batch = self._training.batch_size
        costs: dict[str, float] = {}
        if self._teacher_training is not None:
            costs["teacher"] = 3 * teacher * self._teacher_training.batch_size
        costs["student"] = (3 * student + teacher) * batch
        if self._opened.document.evaluation.control:
            costs["control"] = 3 * student * batch
        return {run: cost + UPDATE_MACS for run, cost in costs.items()}

    def steps(self) -> dict[str, int]:
        """Updates of each run that is ahead."""
        steps = steps_of(self._training, len(self._opened.train))
        labeled = len(self._opened.everything.labeled_rows())
        return {
            run: steps_of(self._teacher_training, labeled)
            if run == "teacher" and self._teacher_training is not None
            else steps
            for run in self.costs()
        }

    def _beginner(self, network: Network, training: Training) -> Learner:
        return Learner(self._opened.fresh(network, training.seed), training)


def _of_layers(section: LayerTerm) -> Term:
    raise ValueError(f"no layers were matched for '{section.kind}'")


def _macs(network: Network) -> int:
    seen = view(network.input, network.preprocessing)
    module: nn.Module = build_on_meta(
        network.architecture, network.config, input=seen, num_outputs=network.num_outputs
    )
    return macs(module.eval(), example_batch(seen, batch=1, device="meta"))
