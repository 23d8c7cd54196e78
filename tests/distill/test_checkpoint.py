from pathlib import Path

import pytest
import torch

from distill import checkpoint
from distill.checkpoint import CheckpointUnreadable, State, read_checkpoint, write_checkpoint
from distill.data.canonical import file_sha256


def state() -> State:
    part = State({"weights": torch.arange(6).reshape(2, 3), "nan": torch.tensor([float("nan")])}, {"step": 7})
    whole = State(facts={"run": "student"})
    whole.put("learner", part)
    return whole


def test_what_was_written_reads_back(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.checkpoint", state())

    back = read_checkpoint(tmp_path / "a.checkpoint")

    assert back.facts["run"] == "student"
    assert back.take("learner").facts == {"step": 7}
    assert back.take("learner").tensors["weights"].equal(torch.arange(6).reshape(2, 3))


def test_the_hash_is_that_of_the_file_under_its_final_name(tmp_path: Path) -> None:
    written = write_checkpoint(tmp_path / "deep" / "a.checkpoint", state())

    assert written.sha256 == file_sha256(written.path)
    assert written.bytes == written.path.stat().st_size
    assert [path.name for path in written.path.parent.iterdir()] == ["a.checkpoint"]


def test_tensors_that_share_memory_are_written_each_by_itself(tmp_path: Path) -> None:
    whole = torch.arange(10)
    write_checkpoint(tmp_path / "a.checkpoint", State({"whole": whole, "part": whole[2:4], "same": whole}))

    assert read_checkpoint(tmp_path / "a.checkpoint").tensors["part"].tolist() == [2, 3]


def test_a_cut_file_is_unreadable(tmp_path: Path) -> None:
    written = write_checkpoint(tmp_path / "a.checkpoint", state())
    written.path.write_bytes(written.path.read_bytes()[:-3])

    with pytest.raises(CheckpointUnreadable):
        read_checkpoint(written.path)


def test_a_file_of_another_kind_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.checkpoint").write_bytes(b"PK\x03\x04 no safetensors")

    with pytest.raises(CheckpointUnreadable):
        read_checkpoint(tmp_path / "a.checkpoint")


def test_a_disk_that_gives_back_other_bytes_is_noticed_before_the_final_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rotten(path: Path) -> State:
        read = read_checkpoint(path)
        read.tensors["learner/weights"] += 1
        return read

    monkeypatch.setattr(checkpoint, "read_checkpoint", rotten)

    with pytest.raises(OSError, match="did not read back"):
        write_checkpoint(tmp_path / "a.checkpoint", state())
    assert not (tmp_path / "a.checkpoint").exists()
