from pathlib import Path

from worker import oom


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_second_version_of_control_groups_counts_in_memory_events(tmp_path: Path) -> None:
    membership = write(tmp_path / "cgroup", "0::/limbeck/worker\n")
    write(tmp_path / "fs/limbeck/worker/memory.events", "low 0\noom 3\noom_kill 2\n")
    assert oom.kills(tmp_path / "fs", membership) == 2


def test_the_first_version_counts_in_oom_control(tmp_path: Path) -> None:
    membership = write(tmp_path / "cgroup", "8:pids:/\n4:memory:/worker\n0::/\n")
    write(tmp_path / "fs/memory/worker/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n")
    assert oom.kills(tmp_path / "fs", membership) == 5


def test_in_a_container_the_counter_is_at_the_root(tmp_path: Path) -> None:
    membership = write(tmp_path / "cgroup", "0::/docker/not/in/sight\n")
    write(tmp_path / "fs/memory.events", "oom_kill 1\n")
    assert oom.kills(tmp_path / "fs", membership) == 1


def test_where_nobody_counts_nobody_knows(tmp_path: Path) -> None:
    assert oom.kills(tmp_path / "fs", tmp_path / "none") is None
