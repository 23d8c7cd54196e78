"""How much memory is left is what the tightest of all limits leaves."""

from pathlib import Path

import pytest

from distill import memory


def test_a_control_group_bounds_what_is_available(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("3000000\n")
    assert memory.available_bytes() == 2_000_000


def test_cached_files_count_as_available(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("4900000\n")
    (tmp_path / "memory.stat").write_text("anon 900000\ninactive_file 4000000\n")
    assert memory.available_bytes() == 4_100_000


def test_a_group_beyond_its_limit_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("6000000\n")
    assert memory.available_bytes() == 0


def test_without_a_group_the_machine_bounds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory.available_bytes() > 1_000_000
