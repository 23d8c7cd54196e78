"""What lies ahead of a job in training: every run with its updates, and what each of them costs.

The unit of cost is one multiply-add; a backward pass costs twice a forward one.
"""

from collections.abc import Iterator, Sequence

from distill import models
from distill.config.job import Stage, in_full
from distill.config.networks import Network
from distill.config.teachers import Mutual, SelfTaught, TeacherToTrain
from distill.evaluate.cost import macs
from distill.opening import Opened
from distill.preprocess import view
from distill.progress import GATHERING, Part
from distill.runs import CONTROL_OF_TOP_CLASS, TOP_CLASS, of_generation, of_seed
from distill.schedule import steps_of

UPDATE_MACS = 30_000_000
"""What an update costs beside its multiply-adds, as so many of them: measured on small networks."""
ROUNDING = 2
"""How many times as much an update costs that rounds: measured from 1.6 to 3.5 on small networks."""


def ahead(opened: Opened, *, gathers: bool) -> list[Part]:
    """All of it, in the order in which it will be done."""
    return list(_Outlook(opened, gathers=gathers).parts())


class _Outlook:
    def __init__(self, opened: Opened, *, gathers: bool) -> None:
        self._opened = opened
        self._gathers = gathers
        self._examples = len(opened.train)
        self._student = _macs(opened.student_network)
        self._teacher = sum(_macs(network) for network in opened.teachers)

    def parts(self) -> Iterator[Part]:
        document, course = self._opened.document, self._opened.course
        seeds = range(1, document.evaluation.seeds + 1)
        yield from self._of_teachers()
        for number in seeds:
            yield from self._run(of_seed("student", number), course, asks=self._students_ask())
        if document.has_control:
            for number in seeds:
                yield from self._run(of_seed("control", number), course)
        if TOP_CLASS in document.evaluation.controls:
            for number in seeds:
                yield from self._run(of_seed(CONTROL_OF_TOP_CLASS, number), course, asks=self._students_ask())

    def _of_teachers(self) -> Iterator[Part]:
        opened, who = self._opened, self._opened.document.teacher
        if isinstance(who, TeacherToTrain):
            labeled = len(opened.everything.labeled_rows())
            training = who.train.training
            cost = 3 * self._teacher * training.batch_size + UPDATE_MACS
            yield Part("teacher", 0, steps_of(training, labeled), cost)
        if isinstance(who, SelfTaught):
            for number in range(who.self_distillation.generations):
                asks = self._student if number else 0
                yield from self._run(of_generation(number), in_full(opened.course), asks=asks)
        if opened.assistant_network is not None:
            stages = in_full(opened.tuitions["assistant"].course)
            learner = _macs(opened.assistant_network)
            yield from self._run("assistant", stages, learner=learner, asks=self._teacher)
        if self._gathers:
            yield Part(GATHERING, 0, self._examples, self._master)

    def _run(
        self, run: str, stages: Sequence[Stage], *, learner: int | None = None, asks: int = 0
    ) -> Iterator[Part]:
        """The stages of a run. `asks` is what the answer to one example costs it."""
        learner = learner or self._student
        for number, stage in enumerate(stages):
            cost = (3 * learner + asks) * stage.training.batch_size + UPDATE_MACS
            if stage.quantize is not None:
                cost *= ROUNDING
            yield Part(run, number, steps_of(stage.training, self._examples), cost)

    @property
    def _master(self) -> int:
        """What the students' teacher costs an example."""
        assistant = self._opened.assistant_network
        return self._teacher if assistant is None else _macs(assistant)

    def _students_ask(self) -> int:
        if isinstance(self._opened.document.teacher, Mutual):  # the peer answers, asks and learns
            return 4 * self._teacher + self._student
        return 0 if self._gathers else self._master


def _macs(network: Network) -> int:
    """Of one example."""
    seen = view(network.input, network.preprocessing)
    module = models.build_on_meta(
        network.architecture, network.config, input=seen, num_outputs=network.num_outputs
    )
    module = models.for_dry_forward(module, seen).eval()
    return macs(module, models.example_batch(seen, batch=1, device=models.device_of(module)))
