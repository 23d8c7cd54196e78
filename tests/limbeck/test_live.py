import io
from collections.abc import Iterator

from rich.console import Console

from limbeck import live
from limbeck.objects import Job


def snapshots() -> Iterator[Job]:
    yield {"status": "queued", "queue": {"reason": "waits for a free worker"}}
    for fraction in (0.0, 0.01, 0.02, 0.31):
        yield {"status": "running", "phase": "training", "attempt": 2, "progress": {"fraction": fraction}}
    for fraction, value in ((0.32, 0.5), (0.41, 0.8125)):
        found = {"run": "student.seed2", "step": 7, "figure": "f1", "value": value}
        yield {
            "status": "running",
            "phase": "training",
            "progress": {"fraction": fraction, "validation": found},
        }
    yield {"status": "succeeded"}


def test_a_log_gets_a_line_for_each_news_and_no_more() -> None:
    log = io.StringIO()

    last = live.follow(snapshots(), Console(file=log, width=100))

    assert last["status"] == "succeeded"
    said = [" ".join(line.split()[2:]) for line in log.getvalue().splitlines()]
    assert said == [
        "0% queued: waits for a free worker",
        "0% training (attempt 2)",
        "31% training (attempt 2)",
        "32% training: student.seed2 f1 0.500",
        "41% training: student.seed2 f1 0.812",
        "100% succeeded",
    ]


def test_a_job_that_failed_is_not_said_to_have_come_to_its_end() -> None:
    log = io.StringIO()

    live.follow(iter([{"status": "failed", "progress": {"fraction": 0.4}}]), Console(file=log, width=100))

    assert log.getvalue().split()[2:] == ["40%", "failed"]


def test_a_terminal_gets_a_bar_that_is_gone_afterwards() -> None:
    screen = io.StringIO()

    last = live.follow(snapshots(), Console(file=screen, width=100, force_terminal=True))

    assert last["status"] == "succeeded"
    assert "100%" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K")
