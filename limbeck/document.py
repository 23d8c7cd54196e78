"""Job documents as YAML: read, changed by `--set`, and every place in them known by line and column.

The service judges a document and names what is wrong by JSON pointer; here the pointer becomes a
place in the file that its author wrote.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from limbeck.errors import LimbeckError


class DocumentUnreadable(LimbeckError):
    """The file is not there, or is no YAML mapping."""


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core words: `on`, `yes` and dates are text, `1e-3` is a number."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?",
        "-+.0123456789",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


@dataclass(frozen=True)
class Place:
    """Counted from one, as editors do."""

    line: int
    column: int


@dataclass(frozen=True)
class Document:
    """A job document and the text that it came from."""

    name: str
    """Of the file, as the user gave it."""
    content: dict[str, Any]
    _root: Node
    _changed: tuple[tuple[str, ...], ...] = ()

    def place(self, pointer: str) -> Place | None:
        """Where `pointer` (RFC 6901) stands in the file; where it is absent, what should hold it.

        None for a value that `--set` brought.
        """
        steps = _steps(pointer)
        if any(steps[: len(path)] == path for path in self._changed):
            return None
        node, mark = self._root, self._root.start_mark
        for step in steps:
            found = _child(node, step)
            if found is None:
                break
            mark, node = found
        return Place(mark.line + 1, mark.column + 1)

    def with_value(self, assignment: str) -> "Document":
        """The document with one `path.to.key=value`."""
        content, steps = assigned(self.content, assignment)
        return Document(self.name, content, self._root, (*self._changed, steps))

    def without(self, key: str) -> "Document":
        content = {name: value for name, value in self.content.items() if name != key}
        return Document(self.name, content, self._root, self._changed)


def read(path: Path, text: str) -> Document:
    """The document in `text`; `path` names it in messages.

    Raises: DocumentUnreadable with the line and column.
    """
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if not isinstance(root, MappingNode):
            raise DocumentUnreadable(
                f"{path}: a job document is a mapping of keys to values, as `name: my-job`"
            )
        _refuse_repeated_keys(path, root)
        content = loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise DocumentUnreadable(f"{path}{at}: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise DocumentUnreadable(f"{path}: no YAML: {error}") from None
    return Document(str(path), content, root)


def assigned(content: dict[str, Any], assignment: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """`content` with one `path.to.key=value`, and the path. The value is YAML; a list is entered by index.

    Raises: DocumentUnreadable.
    """
    path, equals, text = assignment.partition("=")
    steps = tuple(path.strip().split("."))
    if not equals or not all(steps):
        raise DocumentUnreadable(f"--set takes path.to.key=value, not '{assignment}'")
    try:
        value = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError:
        value = text
    return _assigned(content, steps, value, assignment), steps


def _steps(pointer: str) -> tuple[str, ...]:
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def _child(node: Node, step: str) -> tuple[Any, Node] | None:
    """Where the child named `step` is written, and the child: at its key, or at the list's entry."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, ScalarNode) and key.value == step:
                return key.start_mark, value
    if isinstance(node, SequenceNode) and step.isdigit() and int(step) < len(node.value):
        entry: Node = node.value[int(step)]
        return entry.start_mark, entry
    return None


def _refuse_repeated_keys(path: Path, node: Node, above: tuple[int, ...] = ()) -> None:
    if id(node) in above:
        raise DocumentUnreadable(f"{path}: an alias holds itself")
    above = (*above, id(node))
    if isinstance(node, SequenceNode):
        for entry in node.value:
            _refuse_repeated_keys(path, entry, above)
    if isinstance(node, MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, ScalarNode):
                if key.value in seen:
                    mark = key.start_mark
                    raise DocumentUnreadable(
                        f"{path}:{mark.line + 1}:{mark.column + 1}: '{key.value}' is given twice"
                    )
                seen.add(key.value)
            _refuse_repeated_keys(path, value, above)


def _assigned(node: Any, steps: tuple[str, ...], value: Any, assignment: str) -> Any:
    """A copy of `node` in which the place named by `steps` holds `value`."""
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(node, list):
        if not step.isdigit() or int(step) >= len(node):
            raise DocumentUnreadable(f"--set {assignment}: the list has {len(node)} entries, from 0")
        index = int(step)
        return [*node[:index], _assigned(node[index], rest, value, assignment), *node[index + 1 :]]
    if node is None or isinstance(node, dict):
        node = node or {}
        return {**node, step: _assigned(node.get(step), rest, value, assignment)}
    raise DocumentUnreadable(f"--set {assignment}: '{step}' cannot stand inside the value {node!r}")
