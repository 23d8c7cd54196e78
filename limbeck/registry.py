"""Versions, aliases and lineage as tables for people."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from limbeck.grid import grid
from limbeck.objects import Alias, Export, Lineage, Model

_STYLES = {
    "ready": "green",
    "rejected": "red",
    "passed": "green",
    "gate_failed": "red",
    "export_failed": "red",
    "verified": "green",
    "failed": "red",
}


def models(listed: Iterable[Model]) -> RenderableType:
    """One row a version: what it is called, and whether its job let it go."""
    table = grid("id", "name", "version", "status", "aliases", "conclusion", "task", "created")
    for model in listed:
        table.add_row(
            model["id"],
            model["name"],
            str(model["version"]),
            _colored(model["status"]),
            ", ".join(model.get("aliases") or []),
            _colored(model.get("conclusion") or ""),
            model.get("task") or "",
            model["created_at"],
        )
    return table


def aliases(listed: Iterable[Alias]) -> RenderableType:
    table = grid("alias", "version", "id", "moved", "by", "reason")
    for alias in listed:
        table.add_row(
            f"{alias['name']}@{alias['alias']}",
            str(alias["version"]),
            alias["model_id"],
            alias["moved_at"],
            alias["moved_by"],
            _reason(alias),
        )
    return table


def moves(listed: Iterable[Mapping[str, Any]]) -> RenderableType:
    """The history of an alias, newest first."""
    table = grid("", "version", "id", "moved", "by", "reason")
    for move in listed:
        table.add_row(
            str(move["number"]),
            str(move["version"] or "removed"),
            move["model_id"] or "",
            move["moved_at"],
            move["moved_by"],
            _reason(move),
        )
    return table


def export(made: Export) -> RenderableType:
    """What a later export came to: its figures, or why there is none."""
    block, problem = made.get("export"), made.get("problem")
    if problem:
        return Text("; ".join(filter(None, (problem["message"], problem.get("hint")))), style="red")
    if not block:
        return Text(f"{made['id']}: {made['format']} is {made['status']}")
    table = grid("export", "status", "match", "bytes", "p50, ms", "files")
    latency = block.get("latency_ms") or {}
    table.add_row(
        made["format"],
        Text(made["status"], style=_STYLES.get(made["status"], "")),
        _number(block.get("match")),
        str(block.get("size_bytes") or ""),
        _number(latency.get("p50")),
        ", ".join(artifact["filename"] for artifact in made["artifacts"]),
    )
    return Group(table, *([Text(f"{block['reason']}", style="red")] if block.get("reason") else []))


def lineage(found: Lineage) -> RenderableType:
    """One row an arrow, from what came first to what came last."""
    nodes = {node["id"]: node for node in found["nodes"]}
    table = grid("from", "as", "to", "state")
    for edge in sorted(found["edges"], key=lambda edge: _moment(nodes[edge["source"]])):
        target = nodes[edge["target"]]
        state = target.get("conclusion") or target.get("status") or ""
        table.add_row(_called(nodes[edge["source"]]), edge["role"], _called(target), _colored(state))
    if not found["edges"]:
        return Text("nothing that the service knows came before it, or of it")
    return Group(table, *([Text("and more than is shown here")] if found["truncated"] else []))


def _called(node: Mapping[str, Any]) -> str:
    """`model digits-student v3`, `job digits-cnn (job_...)`, `export onnx-int8`."""
    if node["kind"] == "export":
        return f"export {node['format']}"
    if node["version"] is not None:
        return f"{node['kind']} {node['name']} v{node['version']}"
    return f"job {node['name'] or ''} ({node['id']})".replace("  ", " ")


def _moment(node: Mapping[str, Any]) -> tuple[str, str]:
    return node.get("created_at") or "", node["id"]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _reason(move: Mapping[str, Any]) -> str:
    said = move.get("reason") or ""
    return f"forced: {said}" if move.get("forced") else said


def _colored(state: str) -> Text:
    return Text(state.replace("_", " "), style=_STYLES.get(state, ""))
