"""Versions, aliases and lineage: what is asked of the service, what is shown, and the exit codes."""

import hashlib
import json
import sys
from typing import Any

import httpx
import pytest
from rich.console import Console, RenderableType

import limbeck
from limbeck import cli, registry
from tests.limbeck.service import FakeService, problem

STUDENT: dict[str, Any] = {
    "id": "mdl_3",
    "name": "s",
    "version": 3,
    "status": "ready",
    "job_id": "job_1",
    "conclusion": "gate_failed",
    "aliases": ["candidate", "production"],
    "task": "regression",
    "created_at": "2026-01-01T00:00:00Z",
}
ALIAS: dict[str, Any] = {
    "name": "s",
    "alias": "production",
    "model_id": "mdl_3",
    "version": 3,
    "moved_at": "2026-01-02T00:00:00Z",
    "moved_by": "key_1",
    "reason": "release 7",
    "forced": True,
    "moves": 1,
}


def shown(renderable: RenderableType) -> list[str]:
    console = Console(width=200, color_system=None)
    with console.capture() as captured:
        console.print(renderable)
    return [" ".join(line.split()) for line in captured.get().splitlines()]


def left(monkeypatch: pytest.MonkeyPatch, service: FakeService, *arguments: str) -> int:
    """The exit code of `limbeck ARGUMENTS`, which asks this service."""
    for module in ("registry", "pulling", "inputs"):
        monkeypatch.setattr(f"limbeck.cli.{module}.Client", service.client)
    monkeypatch.setattr(sys, "argv", ["limbeck", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(str(ended.value.code or 0))


def page(*items: dict[str, Any], has_more: bool = False) -> httpx.Response:
    return httpx.Response(200, json={"data": list(items), "has_more": has_more})


def test_versions_are_shown_with_their_aliases_and_what_their_jobs_said() -> None:
    assert shown(registry.models([STUDENT]))[1] == (
        "mdl_3 s 3 ready candidate, production gate failed regression 2026-01-01T00:00:00Z"
    )


def test_an_alias_that_was_forced_says_so() -> None:
    assert shown(registry.aliases([ALIAS]))[1].endswith("key_1 forced: release 7")


def test_a_removed_alias_is_a_row_of_its_history() -> None:
    gone = {**ALIAS, "number": 2, "version": None, "model_id": None, "reason": None, "forced": False}
    assert shown(registry.moves([gone]))[1] == "2 removed 2026-01-02T00:00:00Z key_1"


def test_a_lineage_is_read_from_what_came_first_to_what_came_last() -> None:
    def node(id: str, kind: str, created_at: str | None, **facts: Any) -> dict[str, Any]:
        absent = dict.fromkeys(("name", "version", "status", "conclusion", "format"))
        return {**absent, "id": id, "kind": kind, "created_at": created_at, **facts}

    nodes = [
        node("mdl_3", "model", "2026-01-03", name="s", version=3, conclusion="passed"),
        node("art_1", "export", "2026-01-04", format="onnx"),
        node("mdl_1", "model", "2026-01-01", name="t", version=1),
        node("job_1", "job", "2026-01-02", name="nightly", status="succeeded"),
    ]
    edges = [
        {"source": "mdl_3", "target": "art_1", "role": "export"},
        {"source": "job_1", "target": "mdl_3", "role": "student"},
        {"source": "mdl_1", "target": "job_1", "role": "teacher"},
    ]
    found: Any = {"of": "mdl_3", "nodes": nodes, "edges": edges, "truncated": True}
    assert shown(registry.lineage(found))[1:] == [
        "model t v1 teacher job nightly (job_1) succeeded",
        "job nightly (job_1) student model s v3 passed",
        "model s v3 export export onnx",
        "and more than is shown here",
    ]
    assert "nothing" in shown(registry.lineage({**found, "edges": []}))[0]


def test_lists_are_read_page_by_page_whatever_their_items_are_called_by() -> None:
    service = FakeService(page({**ALIAS, "alias": "a/b"}, has_more=True), page(ALIAS))
    assert len(list(service.client().models.aliases("s"))) == 2
    assert service.requests[1].url.params["after"] == "a/b"


@pytest.mark.parametrize(
    ("version", "sent"), [("3", {"version": 3}), ("s@candidate", {"model": "s@candidate"})]
)
def test_an_alias_is_moved_to_a_number_or_to_where_another_points(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], version: str, sent: dict[str, Any]
) -> None:
    service = FakeService(httpx.Response(200, json=ALIAS))
    assert left(monkeypatch, service, "model", "alias", "s", "production", version) == 0
    (request,) = service.requests
    assert (request.method, request.url.path) == ("PUT", "/v1/models/s/aliases/production")
    assert json.loads(request.content) == sent
    assert capsys.readouterr().out == "s@production is version 3 (mdl_3)\n"


def test_force_without_a_reason_is_bad_usage_and_with_one_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    service = FakeService(httpx.Response(200, json=ALIAS))
    moved = ("model", "alias", "s", "production", "3", "--force")
    assert left(monkeypatch, service, *moved) == 2
    assert service.requests == []
    assert left(monkeypatch, service, *moved, "--reason", "why") == 0
    assert json.loads(service.requests[0].content) == {"version": 3, "force": True, "reason": "why"}


def test_gates_that_were_not_passed_end_with_their_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service = FakeService(problem(409, "gates_not_passed"), problem(409, "inputs_inspecting"))
    moved = ("model", "alias", "s", "production", "3")
    assert left(monkeypatch, service, *moved) == 3
    assert "said why" in capsys.readouterr().err
    assert left(monkeypatch, service, *moved) == 2


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (("versions", "s"), "GET /v1/models/s/versions"),
        (("aliases", "s"), "GET /v1/models/s/aliases"),
        (("aliases", "s", "production"), "GET /v1/models/s/aliases/production/history"),
        (("unalias", "s", "production"), "DELETE /v1/models/s/aliases/production"),
        (("rm", "mdl_3"), "DELETE /v1/models/mdl_3"),
        (("ls",), "GET /v1/models"),
    ],
)
def test_each_command_asks_for_what_it_says(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], asked: str
) -> None:
    service = FakeService(httpx.Response(204) if asked.startswith("DELETE") else page())
    assert left(monkeypatch, service, "model", *arguments) == 0
    (request,) = service.requests
    assert f"{request.method} {request.url.path}" == asked


def test_pull_finds_the_job_behind_an_alias(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    made = {"onnx": {"status": "failed", "reason": "it answers otherwise"}}
    job = {"id": "job_1", "name": "nightly", "status": "succeeded", "result": {"exports": made}}
    content = b"onnx"
    file = {
        "id": "art_1",
        "kind": "export",
        "format": "onnx",
        "filename": "student.onnx",
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    service = FakeService(
        httpx.Response(200, json=STUDENT),
        httpx.Response(200, json=job),
        page(file),
        httpx.Response(200, content=content),
        problem(404),
    )
    folder = tmp_path / "student"
    assert left(monkeypatch, service, "pull", "s@production", "-o", str(folder), "--format", "onnx") == 0
    assert (folder / "student.onnx").read_bytes() == content
    assert [request.url.path for request in service.requests[:2]] == [
        "/v1/models/s@production",
        "/v1/jobs/job_1",
    ]
    assert "onnx failed its proof: it answers otherwise" in capsys.readouterr().err


EXPORT: dict[str, Any] = {
    "id": "chr_1",
    "model_id": "mdl_3",
    "format": "onnx-fp16",
    "status": "queued",
    "export": None,
    "artifacts": [],
    "problem": None,
}
PROVED = {"match": 1.0, "size_bytes": 6173, "latency_ms": {"p50": 0.017}}
FILE = [{"filename": "student-fp16.onnx"}]


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        (
            {"status": "verified", "export": PROVED, "artifacts": FILE},
            0,
            "onnx-fp16 verified 1.000 6173 0.017 student-fp16.onnx",
        ),
        ({"status": "failed", "export": PROVED | {"reason": "it differs"}}, 3, "it differs"),
        (
            {"status": "failed", "problem": {"message": "it broke off", "hint": "try again"}},
            3,
            "broke off; try",
        ),
    ],
)
def test_another_format_is_asked_for_and_waited_for_and_its_proof_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    end: dict[str, Any],
    code: int,
    said: str,
) -> None:
    service = FakeService(httpx.Response(202, json=EXPORT), httpx.Response(200, json=EXPORT | end))
    command = ("model", "export", "s@production", "--format", "onnx-fp16", "--calibration-examples", "64")
    assert left(monkeypatch, service, *command) == code
    asked, waited = service.requests
    assert asked.url.path == "/v1/models/s@production/exports"
    assert json.loads(asked.content) == {"format": "onnx-fp16", "calibration": {"examples": 64}}
    assert waited.url.path == "/v1/models/mdl_3/exports/chr_1"
    assert said in " ".join(capsys.readouterr().out.split())


def test_whoever_does_not_wait_is_told_where_the_export_stands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service = FakeService(httpx.Response(202, json=EXPORT))
    assert left(monkeypatch, service, "model", "export", "s", "--format", "onnx-fp16", "--no-wait") == 0
    assert capsys.readouterr().out == "chr_1: onnx-fp16 is queued\n"


def test_nothing_can_be_pulled_of_an_upload(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service = FakeService(httpx.Response(200, json={**STUDENT, "job_id": None}))
    assert left(monkeypatch, service, "pull", "s") == 2
    assert "was uploaded: no job left files of it" in capsys.readouterr().err


def test_the_client_moves_and_removes_aliases() -> None:
    service = FakeService(
        httpx.Response(200, json=ALIAS), httpx.Response(204), problem(409, "gates_not_passed")
    )
    models = service.client().models
    assert models.move_alias("s", "production", model="mdl_3")["version"] == 3
    models.remove_alias("s", "production")
    with pytest.raises(limbeck.Conflict):
        models.move_alias("s", "production", version=4)
