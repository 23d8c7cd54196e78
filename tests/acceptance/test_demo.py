"""`limbeck demo`, as `make demo` runs it."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.launched import LIMBECK, processes_of

pytestmark = [pytest.mark.xdist_group("up"), pytest.mark.timeout(400)]


def test_the_demo_brings_a_student_home_and_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [*LIMBECK, "demo"], env=os.environ | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr
    teacher, student, control = map(
        float, re.findall(r"^accuracy +(\S+) +(\S+) +(\S+)", done.stdout, re.MULTILINE)[0]
    )
    assert teacher > 0.97
    assert student > control + 0.05
    assert "helped" in done.stdout
    assert re.search(r"student\.safetensors .* sha256 [0-9a-f]{64} checked", done.stdout)
    assert re.search(r"of 268 test digits are right: accuracy " + f"{student:.3f}", done.stdout)
    assert processes_of(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
