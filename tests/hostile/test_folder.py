"""The training process imports nothing from the folder that it works in."""

import json
import os
import subprocess
import sys
from pathlib import Path

from distill.config.events import EVENT, DatasetInspected
from distill.config.folder import Exit, InspectDataset


def test_modules_of_the_folder_never_run(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    folder = tmp_path / "folder"
    (folder / "in").mkdir(parents=True)
    song = f"open({str(canary)!r}, 'w')"
    for module in ("json", "torch", "numpy", "random", "distill", "sitecustomize"):
        for place in (folder, folder / "in"):
            (place / f"{module}.py").write_text(song)
    request = InspectDataset(filename="x.csv", task="tabular-classification")
    (folder / "in" / "request.json").write_text(json.dumps(request.model_dump(mode="json")))
    rows = "".join(f"{number},{'xy'[number % 2]}\n" for number in range(20))
    (folder / "in" / "upload").write_text("a,label\n" + rows)

    stays_open, stop_line = os.pipe()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "distill", "inspect", str(folder)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"},
        stdin=stays_open,
        capture_output=True,
        text=True,
        timeout=100,
    )
    os.close(stop_line)
    os.close(stays_open)
    assert done.returncode == Exit.DONE, done.stderr
    assert isinstance(EVENT.validate_json(done.stdout.splitlines()[-1]), DatasetInspected)
    assert not canary.exists()
