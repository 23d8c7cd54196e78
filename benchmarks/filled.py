"""A PostgreSQL as a service leaves it after years: many projects, jobs, figures and events.

Rows are made by the server or sent by COPY, for they are millions; their columns are those that the
service itself writes.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from benchmarks.deployment import JOB
from distill.config.document import parse_job
from ledger.identifiers import new_id
from ledger.resolve import resolved_spec

PROJECTS = 20
LONG_EVERY = 100
"""One job in so many is long, and holds half of all figures."""
_NAMES = ("train.loss.total", "train.loss.soft_target", "train.loss.hard_target", "learning_rate")
_RUNS = ("student", "control")
_CURVES = len(_NAMES) * len(_RUNS)
_LASTS_S = 3600.0
_BORN = 1_790_000_000.0


@dataclass(frozen=True)
class Filled:
    """What there is to ask for."""

    projects: Sequence[str]
    """The first has the most jobs."""
    jobs: int
    metrics: int
    events: int
    usual_job: str
    """Of the first project, as is the next."""
    long_job: str
    waiting_job: str
    """The last in the queue of the first project."""


@dataclass(frozen=True)
class _Plan:
    jobs: int
    queued: int
    points: int
    """Of each curve of a usual job."""
    long_points: int


def fill(conninfo: str, *, jobs: int, queued: int, metrics: int, project_id: str, dataset_id: str) -> Filled:
    """Fill the migrated database, whose first project and its dataset are there, and ANALYZE it."""
    ended = jobs - queued
    long = max(1, ended // LONG_EVERY)
    plan = _Plan(
        jobs,
        queued,
        points=max(1, metrics // 2 // (ended * _CURVES)),
        long_points=max(2, metrics // 2 // (long * _CURVES)),
    )
    with psycopg.connect(conninfo, autocommit=True) as connection:
        projects = [project_id, *_more_projects(connection)]
        ids = _add_jobs(connection, plan, projects, dataset_id)
        _add_traces(connection, plan)
        for table in ("jobs", "attempts", "artifacts", "events", "metrics"):
            connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(table)))
        counts = [_count(connection, table) for table in ("jobs", "metrics", "events")]
    return Filled(projects, *counts, ids["usual_job"], ids["long_job"], ids["waiting_job"])


def _more_projects(connection: psycopg.Connection[Any]) -> list[str]:
    projects = [new_id("prj_") for _ in range(PROJECTS - 1)]
    _copy(connection, "projects", ("id", "name"), ((id, f"team-{n}") for n, id in enumerate(projects)))
    return projects


def _add_jobs(
    connection: psycopg.Connection[Any], plan: _Plan, projects: Sequence[str], dataset_id: str
) -> dict[str, str]:
    """Each project has fewer jobs than the one before; the newest jobs of all wait."""
    chance = random.Random(0)
    of_project = chance.choices(projects, [1 / rank for rank in range(1, len(projects) + 1)], k=plan.jobs)
    ids: dict[str, str] = {}
    document = {"spec": json.dumps(JOB), "resolved_spec": json.dumps(resolved_spec(parse_job(JOB)))}
    columns = (*_COLUMNS, *document)

    def rows() -> Iterator[tuple[Any, ...]]:
        for number in range(plan.jobs):
            row = _job(number, of_project[number], plan, dataset_id, chance)
            if of_project[number] == projects[0]:
                ids[_kind_of(number, plan)] = row["id"]
            yield (*row.values(), *document.values())

    _copy(connection, "jobs", columns, rows())
    return ids


def _kind_of(number: int, plan: _Plan) -> str:
    if number >= plan.jobs - plan.queued:
        return "waiting_job"
    return "long_job" if number % LONG_EVERY == 0 else "usual_job"


_COLUMNS = (
    *("id", "project_id", "dataset_id", "name", "status", "lane", "gpus", "priority", "metadata"),
    *("attempt", "fruitless_attempts", "run_after", "phases", "progress", "conclusion", "result"),
    *("last_event", "version", "created_at", "started_at", "finished_at", "running_s"),
)


def _job(number: int, project: str, plan: _Plan, dataset: str, chance: random.Random) -> dict[str, Any]:
    kind = _kind_of(number, plan)
    waits = kind == "waiting_job"
    status = "queued" if waits else chance.choices(("succeeded", "failed", "cancelled"), (90, 7, 3))[0]
    born = _BORN + number * 60.0
    values = (
        f"job_{number:026d}",
        *(project, dataset, f"digits-{number % 50}", status, "cpu", 0, number % 3),
        json.dumps({"commit": f"{number:08x}", "team": f"team-{number % 7}"}),
        *(0 if waits else 1, 0, 0.0),
        *("[]" if waits else _PHASES, None if waits else _PROGRESS),
        *(("no_gate", _RESULT) if status == "succeeded" else (None, None)),
        *(1 if waits else _events_of(kind, plan), 1, born),
        *((None, None, 0.0) if waits else (born + 5, born + 5 + _LASTS_S, _LASTS_S)),
    )
    return dict(zip(_COLUMNS, values, strict=True))


_PHASES = json.dumps(
    [
        {"name": name, "status": "done", "started_at": _BORN, "ended_at": _BORN + 9}
        for name in (
            "staging",
            "inspecting",
            "training_teacher",
            "training",
            "training_control",
            "evaluating",
        )
    ]
)
_PROGRESS = json.dumps(
    {"fraction": 1.0, "step": 290, "total_steps": 290, "epoch": 9, "examples_per_s": 9000.0, "eta_s": 0.0}
)
_FIGURES = {
    **dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1", "loss", "ece"), 0.9),
    "per_class": [{"precision": 0.9, "recall": 0.9, "f1": 0.9, "support": 36}] * 10,
    "latency_ms": {"p50": 0.1, "p95": 0.2},
    "parameters": 1210,
    "size_bytes": 4840,
}
_RESULT = json.dumps(
    {
        **dict.fromkeys(("teacher", "student", "control"), _FIGURES),
        **{name: {"value": 0.9, "low": 0.8, "high": 1.0} for name in ("retention", "gain", "gap_closed")},
        "distillation": "helped",
    }
)


def _events_of(kind: str, plan: _Plan) -> int:
    """A flush a second tells of the figures since the last one; every long job has many."""
    return 12 + (plan.long_points if kind == "long_job" else plan.points)


def _add_traces(connection: psycopg.Connection[Any], plan: _Plan) -> None:
    """Attempts, artifacts, figures and events of every job that has begun, made by the server."""
    sha256 = "0" * 64
    connection.execute("INSERT INTO blobs (sha256, bytes, touched_at) VALUES (%s, 4840, 0)", [sha256])
    connection.execute(
        "INSERT INTO attempts (job_id, project_id, number, worker, pid, started_at, ended_at, exit_kind,"
        " exit_code, resumed_from_step, log_bytes)"
        " SELECT id, project_id, 1, 'w1', 1, started_at, finished_at, 'ok', 0, 0, 0"
        " FROM jobs WHERE attempt = 1"
    )
    connection.execute(
        "INSERT INTO artifacts (id, project_id, job_id, attempt, kind, format, filename, media_type, sha256,"
        " bytes) SELECT 'art_' || n || substr(id, 6), project_id, id, 1, 'student', 'safetensors',"
        " 'student-' || n, 'application/octet-stream', %s, 4840"
        " FROM jobs, generate_series(1, 3) n WHERE status = 'succeeded'",
        [sha256],
    )
    points = sql.SQL("CASE WHEN mod(substr(id, 5)::bigint, {}) = 0 THEN {} ELSE {} END").format(
        LONG_EVERY, plan.long_points, plan.points
    )
    connection.execute(
        sql.SQL(
            "INSERT INTO metrics (job_id, project_id, run, name, step, value, time, attempt)"
            " SELECT id, project_id, of_run, of_name, step, 1.0 / step, started_at + step, 1"
            " FROM jobs, unnest(%s::text[]) of_run, unnest(%s::text[]) of_name, generate_series(1, {}) step"
            " WHERE attempt = 1"
        ).format(points),
        [list(_RUNS), list(_NAMES)],
    )
    connection.execute(
        "INSERT INTO events (job_id, project_id, number, type, at, attempt, data)"
        " SELECT id, project_id, number, CASE WHEN number > 12 THEN 'metric' ELSE 'phase' END,"
        " created_at + number, attempt, CASE WHEN number > 12 THEN jsonb_build_object('ranges',"
        " jsonb_build_array(jsonb_build_object('run', 'student', 'from_step', number - 12,"
        " 'to_step', number - 12))) ELSE jsonb_build_object('name', 'training', 'status', 'running') END"
        " FROM jobs, generate_series(1, last_event) number"
    )


def _copy(
    connection: psycopg.Connection[Any], table: str, columns: Sequence[str], rows: Iterator[Sequence[Any]]
) -> None:
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(into) as copy:
        for row in rows:
            copy.write_row(row)


def _count(connection: psycopg.Connection[Any], table: str) -> int:
    found = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    assert found is not None
    return int(found[0])
