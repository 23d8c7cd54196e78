"""Where a model came from, and what came of it: data -> teacher -> job -> student -> exports.

Both ways are walked in levels, each with a few questions whatever it holds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, defer, load_only

from ledger.manifest import dataset_sha256
from ledger.tables import Artifact, Dataset, Job, JobModel, Model

Kind = Literal["dataset", "model", "job", "export"]
_MOST = 500
"""Nodes of one answer: a dataset may have taught ten thousand students."""
_STUDENT = "safetensors"
"""The format of the student's own files, whatever the format of each."""


@dataclass(frozen=True)
class Node:
    id: str
    kind: Kind
    facts: dict[str, Any]


@dataclass(frozen=True)
class Edge:
    source: str
    """Came first."""
    target: str
    role: str
    """What the source was to the target, or for an export the target to the source."""


@dataclass
class Lineage:
    """Everything that can be reached from one thing against the arrows, and along them."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    truncated: bool = False
    """There is more than one answer holds."""


def lineage_of_model(session: Session, model: Model) -> Lineage:
    walk = _Walk(session, model.project_id)
    start = walk.models(Model.id == model.id)
    walk.up(start)
    walk.down(start)
    return walk.done()


def lineage_of_dataset(session: Session, dataset: Dataset) -> Lineage:
    """What was learned from it; where it came from itself is its file."""
    walk = _Walk(session, dataset.project_id)
    walk.datasets([dataset.id])
    walk.down(walk.taught(walk.jobs(Job.dataset_id == dataset.id)))
    return walk.done()


@dataclass
class _Walk:
    session: Session
    project_id: str
    found: Lineage = field(default_factory=Lineage)

    def up(self, models: Sequence[Model]) -> None:
        """What these came from: their jobs, whose models and data, and so on."""
        while models:
            made_by = {model.job_id for model in models if model.job_id is not None}
            jobs = self.jobs(Job.id.in_(made_by))
            for gone in made_by - {job.id for job in jobs}:
                self._add(Node(gone, "job", {"status": "deleted"}))
            self._link(Edge(model.job_id, model.id, "student") for model in models if model.job_id)
            self.datasets([job.dataset_id for job in jobs])
            self._link(Edge(job.dataset_id, job.id, "dataset") for job in jobs)
            needed = self._ties(JobModel.job_id.in_([job.id for job in jobs]))
            models = self.models(Model.id.in_([tie.source for tie in needed]))

    def down(self, models: Sequence[Model]) -> None:
        """What came of these: their files, the jobs that needed them, whose students, and so on."""
        while models:
            self._exports({model.job_id: model.id for model in models if model.job_id is not None})
            ties = self._ties(JobModel.model_id.in_([model.id for model in models]))
            models = self.taught(self.jobs(Job.id.in_([tie.target for tie in ties])))

    def taught(self, jobs: Sequence[Job]) -> list[Model]:
        """The students of these jobs that became models; files of the others hang on their jobs."""
        if self.found.truncated:
            return []
        self._link(
            Edge(job.dataset_id, job.id, "dataset") for job in jobs if job.dataset_id in self.found.nodes
        )
        students = self.models(Model.job_id.in_([job.id for job in jobs]))
        self._link(Edge(str(student.job_id), student.id, "student") for student in students)
        named = {student.job_id for student in students}
        self._exports({job.id: job.id for job in jobs if job.id not in named})
        return students

    def models(self, wanted: ColumnElement[bool]) -> list[Model]:
        """Those that were not met before."""
        query = select(Model).where(Model.project_id == self.project_id, wanted)
        query = query.options(defer(Model.inspection))
        rows = self.session.scalars(query.order_by(Model.id.desc()).limit(_MOST + 1))
        return [row for row in rows if self._add(_model(row))]

    def jobs(self, wanted: ColumnElement[bool]) -> list[Job]:
        query = select(Job).where(Job.project_id == self.project_id, wanted)
        query = query.options(load_only(Job.dataset_id, Job.name, Job.status, Job.conclusion, Job.created_at))
        rows = self.session.scalars(query.order_by(Job.id.desc()).limit(_MOST + 1))
        return [row for row in rows if self._add(_job(row))]

    def datasets(self, ids: Iterable[str]) -> None:
        query = select(Dataset).where(Dataset.project_id == self.project_id, Dataset.id.in_(ids))
        for row in self.session.scalars(query):
            self._add(_dataset(row))

    def done(self) -> Lineage:
        """The answer, without arrows to what found no room in it."""
        nodes = self.found.nodes
        self.found.edges = [
            edge for edge in dict.fromkeys(self.found.edges) if edge.source in nodes and edge.target in nodes
        ]
        return self.found

    def _ties(self, wanted: ColumnElement[bool]) -> list[Edge]:
        query = select(JobModel).where(JobModel.project_id == self.project_id, wanted)
        ties = [Edge(tie.model_id, tie.job_id, tie.role) for tie in self.session.scalars(query)]
        self._link(ties)
        return ties

    def _exports(self, behind: dict[str, str]) -> None:
        """The files of these jobs, by format; `behind` says of each job on which node they hang."""
        query = select(Artifact).where(Artifact.job_id.in_(behind), Artifact.kind.in_(("student", "export")))
        files: dict[tuple[str, str], list[Artifact]] = {}
        for artifact in self.session.scalars(query.order_by(Artifact.id)):
            form = _STUDENT if artifact.kind == "student" else artifact.format
            files.setdefault((artifact.job_id, form), []).append(artifact)
        for (job_id, form), artifacts in files.items():
            node = _export(form, artifacts)
            if self._add(node):
                self._link([Edge(behind[job_id], node.id, "export")])

    def _add(self, node: Node) -> bool:
        """Whether it is new, and has room."""
        if node.id in self.found.nodes:
            return False
        if len(self.found.nodes) >= _MOST:
            self.found.truncated = True
            return False
        self.found.nodes[node.id] = node
        return True

    def _link(self, edges: Iterable[Edge]) -> None:
        self.found.edges.extend(edges)


def _model(row: Model) -> Node:
    files = (row.network or {}).get("files", {})
    facts = {"name": row.name, "version": row.version, "status": row.status, "conclusion": row.conclusion}
    sha256 = files.get("model.safetensors")
    return Node(row.id, "model", {**facts, "created_at": row.created_at, "sha256": sha256})


def _dataset(row: Dataset) -> Node:
    facts = {"name": row.name, "version": row.version, "status": row.status, "created_at": row.created_at}
    return Node(row.id, "dataset", {**facts, "sha256": dataset_sha256(row.data or {})})


def _job(row: Job) -> Node:
    facts = {"name": row.name, "status": row.status, "conclusion": row.conclusion}
    return Node(row.id, "job", {**facts, "created_at": row.created_at})


def _export(form: str, artifacts: Sequence[Artifact]) -> Node:
    """One format that a student left in, under the id of its main file."""
    main = next((each for each in artifacts if each.format == form), artifacts[0])
    files = [
        {"id": each.id, "filename": each.filename, "bytes": each.bytes, "sha256": each.sha256}
        for each in artifacts
    ]
    facts = {"name": main.filename, "format": form, "files": files, "sha256": main.sha256}
    return Node(main.id, "export", {**facts, "created_at": main.created_at})
