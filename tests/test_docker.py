"""The images and the topology, checked by tools that need no container engine."""

import importlib.util
import json
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
OUR_IMAGES = {"limbeck-api", "limbeck-worker", "limbeck-worker-cuda"}


@pytest.fixture(scope="module")
def topology() -> dict[str, Any]:
    """docker-compose.yml as Docker Compose itself resolves it, with the profile for GPUs."""
    return json.loads(_compose("config", "--format", "json", passwords=True).stdout)


def test_hadolint_has_nothing_to_say_of_the_dockerfile() -> None:
    hadolint = shutil.which("hadolint", path=sysconfig.get_path("scripts"))
    if hadolint is None:
        pytest.skip("no hadolint for this platform among the wheels")
    said = subprocess.run([hadolint, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True)
    assert said.stdout == ""
    assert said.returncode == 0


def test_without_passwords_the_topology_is_refused_with_what_to_do() -> None:
    assert "copy .env.example to .env" in _compose("config", passwords=False).stderr


def test_the_topology_has_every_part_of_the_service(topology: dict[str, Any]) -> None:
    assert set(topology["services"]) == {
        *("postgres", "redis", "migrate", "bootstrap"),
        *("api", "sweep", "chores", "worker", "gpu-worker"),
    }
    assert topology["services"]["gpu-worker"]["profiles"] == ["gpu"]


def test_redis_keeps_its_list_and_postgres_its_data_in_volumes(topology: dict[str, Any]) -> None:
    services = topology["services"]
    assert "--appendonly yes" in " ".join(services["redis"]["command"])
    assert [volume["source"] for volume in services["redis"]["volumes"]] == ["redis"]
    assert [volume["source"] for volume in services["postgres"]["volumes"]] == ["postgres"]


def test_our_containers_can_do_little(topology: dict[str, Any]) -> None:
    ours = [service for service in topology["services"].values() if service.get("image") in OUR_IMAGES]
    assert len(ours) == 7
    for service in ours:
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "user" not in service  # the image's own, which is not root


def test_only_the_api_is_reached_from_outside_and_only_from_this_machine(topology: dict[str, Any]) -> None:
    published = {
        name: service["ports"] for name, service in topology["services"].items() if "ports" in service
    }
    assert list(published) == ["api"]
    assert published["api"][0]["host_ip"] == "127.0.0.1"
    assert topology["networks"]["inside"]["internal"] is True


def test_a_worker_is_given_longer_to_stop_than_its_jobs_are(topology: dict[str, Any]) -> None:
    from ledger.settings import Settings

    grace = Settings.model_fields["stop_grace"].default.total_seconds()
    for name in ("worker", "gpu-worker", "chores"):
        stop = topology["services"][name]["stop_grace_period"]
        assert stop.endswith("s")
        assert int(stop.removesuffix("s")) > grace + 10


def test_everything_that_works_waits_for_the_migration(topology: dict[str, Any]) -> None:
    for name in ("bootstrap", "api", "sweep", "chores", "worker", "gpu-worker"):
        needs = topology["services"][name]["depends_on"]
        assert needs["migrate"]["condition"] == "service_completed_successfully"


def test_only_those_that_sign_see_the_signing_key(topology: dict[str, Any]) -> None:
    services = topology["services"]
    mounted = {
        name: volume.get("read_only", False)
        for name, service in services.items()
        for volume in service.get("volumes", ())
        if volume.get("source") == "signing"
    }
    named = {
        name
        for name, service in services.items()
        if "LIMBECK_SIGNING_KEY" in (service.get("environment") or {})
    }
    assert mounted == {"bootstrap": False, "worker": True, "gpu-worker": True}
    assert named == set(mounted)
    for name in ("worker", "gpu-worker"):
        needs = services[name]["depends_on"]
        assert needs["bootstrap"]["condition"] == "service_completed_successfully"


def test_the_example_of_the_environment_names_every_variable_of_the_topology() -> None:
    wanted = {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "LIMBECK_PORT", "TORCH_BACKEND", "LIMBECK_DEVICES"}
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert {line.split("=")[0] for line in lines if line and not line.startswith("#")} == wanted
    text = (ROOT / "docker-compose.yml").read_text()
    assert all("${" + name in text for name in wanted)


def test_the_build_context_holds_no_more_than_the_images_need() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    packages = {"api", "worker", "ledger", "distill", "migrations"}
    assert let_in == packages | {"locks", "pyproject.toml", "README.md", "LICENSE"}


def _compose(*arguments: str, passwords: bool) -> subprocess.CompletedProcess[str]:
    """Runs Docker Compose (a wheel's) on the file, away from any `.env` of the checkout."""
    package = importlib.util.find_spec("compose")
    if package is None or not package.submodule_search_locations:
        pytest.skip("no Docker Compose for this platform among the wheels")
    program = Path(package.submodule_search_locations[0]) / "docker-compose"
    environment = {"POSTGRES_PASSWORD": "one", "REDIS_PASSWORD": "two"} if passwords else {}
    return subprocess.run(
        [
            program,
            "--file",
            ROOT / "docker-compose.yml",
            "--env-file",
            "/dev/null",
            "--profile",
            "gpu",
            *arguments,
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=passwords,
    )
