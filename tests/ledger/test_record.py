"""What a running attempt writes down: events, figures, the log."""

import threading

import pytest
from sqlalchemy import func, select

from distill.config.events import PhaseChanged, Progressed, Resolved, Warned
from distill.config.job import Stage
from distill.config.losses import Hint, LayerPair
from distill.config.training import Training
from ledger import lifecycle, queries
from ledger.database import Sessions
from ledger.errors import BlobDoomed, HoldLost
from ledger.lifecycle import Begun, Flush, Hold
from ledger.lifecycle.log import HEAD, PIECE, TAIL
from ledger.tables import Event, Job, LogChunk
from tests.ledger.builders import CRASH, checkpoint, claimed, crash, measured, story


def write(sessions: Sessions, hold: Hold, flush: Flush) -> None:
    with sessions.writing() as session:
        lifecycle.record(session, hold, flush)


def log_of(sessions: Sessions, hold: Hold) -> str:
    with sessions.reading() as session:
        return queries.log_text(session, hold.id, hold.attempt)


def test_a_flush_of_many_figures_and_lines_adds_one_metric_and_one_log_event_with_ranges_alone(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    figures = tuple(measured(step, 0.5) for step in range(3, 8))
    control = measured(1, 0.5, run="control")
    write(sessions, hold, Flush(metrics=(*figures, control), log=b"one\ntwo\n"))
    with sessions.reading() as session:
        added = {event.type: event.data for event in queries.events_after(session, job.id, 2)}
        assert len(queries.events_after(session, job.id, 2)) == 2
    assert added == {
        "metric": {
            "ranges": [
                {"run": "student", "from_step": 3, "to_step": 7},
                {"run": "control", "from_step": 1, "to_step": 1},
            ]
        },
        "log": {"offset": 0, "bytes": 8},
    }


def test_a_resumed_attempt_overwrites_the_figures_that_it_computes_again(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    write(sessions, hold, Flush(metrics=(measured(1, 9.0), measured(2, 8.0))))
    with sessions.writing() as session:
        lifecycle.requeue(session, hold, exit_kind="signal", exit_code=-9, counted=True, error=CRASH)
        again = claimed(session).hold
    write(sessions, again, Flush(metrics=(measured(2, 7.0), measured(3, 6.0))))
    with sessions.reading() as session:
        rows = queries.metrics(session, job.id)
    assert [(row.step, row.value, row.attempt) for row in rows] == [(1, 9.0, 1), (2, 7.0, 2), (3, 6.0, 2)]


def test_figures_are_found_by_name_run_and_steps(sessions: Sessions, job: Job, hold: Hold) -> None:
    write(
        sessions,
        hold,
        Flush(
            metrics=(
                *(measured(step, 1.0) for step in (1, 2, 3)),
                measured(2, 1.0, run="control"),
                measured(2, 1.0, name="learning_rate"),
            )
        ),
    )
    with sessions.reading() as session:
        found = queries.metrics(
            session, job.id, run="student", names=["train.loss.total"], from_step=2, to_step=3
        )
    assert [(row.run, row.name, row.step) for row in found] == [
        ("student", "train.loss.total", 2),
        ("student", "train.loss.total", 3),
    ]


def test_a_figure_that_is_no_number_does_not_spoil_the_flush(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    write(sessions, hold, Flush(metrics=(measured(1, float("nan")), measured(2, 1.0))))
    with sessions.reading() as session:
        assert [row.step for row in queries.metrics(session, job.id)] == [2]


def test_phases_keep_their_order_and_their_times(sessions: Sessions, job: Job, hold: Hold) -> None:
    for name in ("staging", "inspecting"):
        for status in ("running", "done"):
            write(sessions, hold, Flush(phases=(PhaseChanged(name=name, status=status),)))
    write(sessions, hold, Flush(phases=(PhaseChanged(name="training", status="running"),)))
    with sessions.writing() as session:
        crashed = lifecycle.requeue(session, hold, exit_kind="signal", exit_code=-9, counted=True)
    assert [(phase["name"], phase["status"]) for phase in crashed.phases] == [
        ("staging", "done"),
        ("inspecting", "done"),
        ("training", "stopped"),
    ]
    assert all(phase["started_at"] <= phase["ended_at"] for phase in crashed.phases)
    assert crashed.phase is None


def test_the_newest_validation_figure_is_shown_beside_the_progress(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    progress = Progressed(fraction=0.5, step=5, total_steps=10, epoch=1, examples_per_s=None, eta_s=3.0)
    figures = [measured(step, value, name="validation.f1") for step, value in ((5, 0.5), (9, 0.75))]
    write(sessions, hold, Flush(progress=progress, metrics=(*figures, measured(10, float("nan")))))
    write(sessions, hold, Flush(progress=progress))
    with sessions.reading() as session:
        shown = session.get_one(Job, job.id).progress
    assert shown is not None
    assert shown["validation"] == {"run": "student", "step": 9, "figure": "f1", "value": 0.75}


def test_progress_and_warnings_are_kept(sessions: Sessions, job: Job, hold: Hold) -> None:
    progress = Progressed(fraction=0.5, step=5, total_steps=10, epoch=1, examples_per_s=None, eta_s=3.0)
    warning = Warned(code="weak_term", message="soft_target gives 0.2% of the gradient")
    write(sessions, hold, Flush(progress=progress, warnings=(warning,)))
    with sessions.reading() as session:
        read = queries.get_job(session, job.project_id, job.id)
        assert story(session, job.id)[-1] == (3, "warning", "weak_term")
    assert read.progress == progress.model_dump(exclude={"type"})


def test_a_checkpoint_whose_bytes_were_never_kept_is_refused_whole(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    with sessions.writing() as session:
        flush = checkpoint(session)
        session.rollback()
    with pytest.raises(BlobDoomed):
        write(sessions, hold, Flush(checkpoint=flush.checkpoint, metrics=(measured(1, 1.0),)))
    with sessions.reading() as session:
        assert queries.checkpoints(session, job.id) == []
        assert queries.metrics(session, job.id) == []


def test_a_log_comes_back_as_it_was_written(sessions: Sessions, hold: Hold) -> None:
    lines = [f"line {number}: ünï\n".encode() for number in range(50)]
    offset = 0
    for line in lines:
        write(sessions, hold, Flush(log=line, log_offset=offset))
        offset += len(line)
    assert log_of(sessions, hold).encode() == b"".join(lines)


def test_a_log_flushed_twice_is_kept_once(sessions: Sessions, hold: Hold) -> None:
    write(sessions, hold, Flush(log=b"one two ", log_offset=0))
    write(sessions, hold, Flush(log=b"two three", log_offset=4))
    assert log_of(sessions, hold) == "one two three"
    with sessions.reading() as session:
        ranges = [event.data for event in queries.events_after(session, hold.id) if event.type == "log"]
    assert ranges == [{"offset": 0, "bytes": 8}, {"offset": 8, "bytes": 5}]


def test_a_flush_that_is_sent_again_because_no_answer_came_is_written_once(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    with sessions.writing() as session:
        written = checkpoint(session).checkpoint
    flush = Flush(
        after=2,
        begun=Begun(pid=7, resumed_from_step=3),
        phases=(PhaseChanged(name="training", status="running"),),
        metrics=(measured(1, 1.0),),
        warnings=(Warned(code="weak_term", message="weak"),),
        checkpoint=written,
        log=b"one\n",
    )
    with sessions.writing() as session:
        last = lifecycle.record(session, hold, flush)
    with sessions.writing() as session:
        assert lifecycle.record(session, hold, flush) == last
        told = story(session, job.id)
        assert len(queries.checkpoints(session, job.id)) == 1
    with sessions.writing() as session:
        fresh = Flush(after=last, log=b"two\n", log_offset=4)
        assert lifecycle.record(session, hold, fresh) == last + 1
    assert [number for number, _, _ in told] == list(range(1, last + 1))
    assert log_of(sessions, hold) == "one\ntwo\n"
    with sessions.reading() as session:
        (attempt,) = queries.attempts(session, job.id)
    assert (attempt.pid, attempt.resumed_from_step) == (7, 3)


def test_bytes_that_are_no_text_do_not_stop_the_log(sessions: Sessions, hold: Hold) -> None:
    write(sessions, hold, Flush(log=b"a\0b\xffc"))
    assert log_of(sessions, hold) == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"


def test_a_long_log_keeps_its_beginning_and_its_end_and_names_what_was_dropped(
    sessions: Sessions, hold: Hold
) -> None:
    total = 0
    for number in range(20):
        piece = (f"{number:02d}" + "." * (512 * 1024 - 3) + "\n").encode()
        write(sessions, hold, Flush(log=piece, log_offset=total))
        total += len(piece)
    with sessions.reading() as session:
        stored = session.scalars(select(func.sum(LogChunk.bytes))).one()
    assert stored <= 4 * 2**20
    assert stored >= HEAD + TAIL
    text = log_of(sessions, hold)
    dropped = total - stored
    assert text.startswith("00.")
    assert text.endswith(".\n")
    assert f"[... {dropped} bytes dropped; the artifact log.txt has all ...]" in text
    assert "\n19." in text
    assert "10." not in text


def test_one_enormous_flush_is_bounded_like_many_small_ones(sessions: Sessions, hold: Hold) -> None:
    write(sessions, hold, Flush(log=b"A" * HEAD + b"B" * 8 * 2**20 + b"C" * TAIL))
    with sessions.reading() as session:
        assert session.scalars(select(func.sum(LogChunk.bytes))).one() <= HEAD + TAIL + 2 * PIECE
    text = log_of(sessions, hold)
    assert text.count("A") == HEAD
    assert text.count("C") == TAIL


def test_event_numbers_are_dense_and_in_the_order_of_commits(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    """Writers race; a reader that polls by number must never see a number appear behind it."""
    seen: list[int] = []
    done = threading.Event()
    failures: list[BaseException] = []

    def follow() -> None:
        last = 0
        while True:
            ended = done.is_set()
            with sessions.reading() as session:
                fresh = [event.number for event in queries.events_after(session, job.id, last)]
            seen.extend(fresh)
            last = fresh[-1] if fresh else last
            if ended and not fresh:
                return

    def warn(writer: int) -> None:
        try:
            for number in range(10):
                warning = Warned(code=f"w{writer}", message=str(number))
                write(sessions, hold, Flush(warnings=(warning,)))
        except BaseException as error:
            failures.append(error)

    reader = threading.Thread(target=follow)
    writers = [threading.Thread(target=warn, args=(number,)) for number in range(4)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert not failures
    assert seen == list(range(1, 2 + 40 + 1))
    with sessions.reading() as session:
        assert session.scalars(select(func.count()).select_from(Event)).one() == 42
        assert session.get_one(Job, job.id).last_event == 42


def test_a_rolled_back_change_leaves_no_hole_in_the_numbers(sessions: Sessions, job: Job, hold: Hold) -> None:
    warning = Flush(warnings=(Warned(code="w", message="m"),))
    with sessions.writing() as session:
        lifecycle.record(session, hold, warning)
        session.rollback()
    write(sessions, hold, warning)
    with sessions.reading() as session:
        assert [number for number, _, _ in story(session, job.id)] == [1, 2, 3]


def test_what_auto_came_to_replaces_the_stages_and_a_lost_worker_cannot_say_it(
    sessions: Sessions, job: Job, hold: Hold
) -> None:
    pair = LayerPair(student="features.0", teacher="layer1")
    stage = Stage(name="training", losses=[Hint(layers=[pair])], training=Training(steps=7))
    write(sessions, hold, Flush(resolved=Resolved(stages=[stage])))
    with sessions.reading() as session:
        spec = session.get_one(Job, job.id).resolved_spec
    assert spec["stages"] == [stage.model_dump(mode="json")]
    assert spec["losses"] == job.resolved_spec["losses"]
    crash(sessions, hold)
    with pytest.raises(HoldLost):
        write(sessions, hold, Flush(resolved=Resolved(stages=[])))
