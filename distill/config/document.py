"""Read a job document, or say everything that is wrong with it, each with its place."""

import json
import re
from collections import deque
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from distill.config.architectures import ARCHITECTURES
from distill.config.consistency import contradictions
from distill.config.job import JobDocument
from distill.config.problem import Problem
from distill.config.students import NetworkToBuild
from distill.config.teachers import Mutual, TeacherToTrain

_FEW = 8


class DocumentInvalid(ValueError):
    """The document cannot be a job; `problems` says why, in the order of the document."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{problem.pointer}: {problem.detail}" for problem in problems))
        self.problems = problems


def parse_job(raw: Any) -> JobDocument:
    """The job document in `raw`.

    Raises:
        DocumentInvalid: names every problem, architecture parameters included.
    """
    try:
        document = JobDocument.model_validate(raw)
    except ValidationError as error:
        raise DocumentInvalid(problems_of(error, JobDocument, raw)) from None
    problems = [*contradictions(document), *_architecture_problems(document)]
    if problems:
        raise DocumentInvalid(problems)
    return document


def architecture_problems(network: NetworkToBuild, at: tuple[str, ...]) -> list[Problem]:
    """What is wrong with a network's parameters; `at` is where `config` stands."""
    schema = ARCHITECTURES[network.architecture]
    try:
        schema.model_validate(network.config)
    except ValidationError as error:
        return problems_of(error, schema, network.config, at)
    return []


def problems_of(
    error: ValidationError, schema: type[BaseModel], raw: Any, at: tuple[str, ...] = ()
) -> list[Problem]:
    """Pydantic's errors on `raw` as problems; an unknown field is answered with the nearest name."""
    problems = []
    for entry in error.errors(include_url=False, include_context=True):
        path = _place(entry, raw)
        problems.append(Problem(_pointer(at + path), _detail(entry, path, schema), _code(entry["type"])))
    return problems


def in_plain_words(entry: ErrorDetails) -> str:
    """Pydantic's message on one mistake, as our other sentences are: what must be, and what is."""
    match entry["type"]:
        case "missing":
            return "this field is required"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"must be an object{_given(entry)}"
        case "union_tag_not_found":
            return f"must have a field {entry['ctx']['discriminator']}"
        case "union_tag_invalid":
            return _no_such_kind(entry["ctx"]["tag"], entry["ctx"]["expected_tags"])
    message = entry["msg"]
    said = _SUBJECT.sub("must ", message).replace(" after validation", "")
    if message.startswith("Input should"):
        said = re.split(", (?:unable|got) ", said)[0] + _given(entry)
    return said.replace("a valid integer", "a whole number").replace("a valid ", "a ")


def _no_such_kind(name: str, listed: str) -> str:
    known = listed.replace("'", "").split(", ")
    nearest = get_close_matches(name, known, n=1, cutoff=0.7)
    offer = f"did you mean '{nearest[0]}'?" if nearest else f"there are: {', '.join(known)}"
    return f"there is no '{name[:80]}'; {offer}"


def _given(entry: ErrorDetails) -> str:
    value = entry["input"]
    if isinstance(value, str):
        return f", not '{value[:60]}'"
    return f", not {json.dumps(value)}" if isinstance(value, bool | int | float | None) else ""


_SUBJECT = re.compile(r"^(Input|String|List|Dictionary) should ")


def _architecture_problems(document: JobDocument) -> Iterator[Problem]:
    asked = document.student.network()
    if asked is not None and document.student.architecture is not None:
        yield from architecture_problems(asked, ("student", "config"))
    if isinstance(document.teacher, TeacherToTrain):
        yield from architecture_problems(document.teacher.train, ("teacher", "train", "config"))
    if isinstance(document.teacher, Mutual):
        yield from architecture_problems(document.teacher.mutual, ("teacher", "mutual", "config"))
    if document.via is not None:
        yield from architecture_problems(document.via, ("via", "config"))


def _place(entry: ErrorDetails, raw: Any) -> tuple[str, ...]:
    location = entry["loc"]
    if entry["type"] == "missing":
        return (*_path(location[:-1], raw), str(location[-1]))
    path = _path(location, raw)
    match entry:
        case {"type": "union_tag_invalid", "ctx": {"discriminator": field}}:
            return (*path, field.strip("'"))
        case {"ctx": {"field": field}}:
            return (*path, field)
    return path


def _path(location: tuple[int | str, ...], raw: Any) -> tuple[str, ...]:
    """The location without the names of union arms, which pydantic adds and the document lacks."""
    path: list[str] = []
    node = raw
    for step in location:
        if isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = node[step]
        elif isinstance(node, dict) and step in node:
            node = node[str(step)]
        else:
            continue
        path.append(str(step))
    return tuple(path)


def _pointer(path: tuple[str, ...]) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)


def _code(kind: str) -> str:
    return "unknown_field" if kind == "extra_forbidden" else kind


def _detail(entry: ErrorDetails, path: tuple[str, ...], schema: type[BaseModel]) -> str:
    if entry["type"] != "extra_forbidden":
        return in_plain_words(entry)
    name = str(entry["loc"][-1])
    section = [step for step in path[:-1] if not step.isdigit()]
    return f"unknown field '{name[:80]}'" + _better(name, section, _places(schema.model_json_schema()))


def _better(name: str, section: list[str], places: dict[str, str]) -> str:
    """The nearest name, where the same name does stand, or all names where these are few."""
    if name in places:
        above = ".".join(section)
        return (
            "; another kind has it"
            if places[name] == f"{above}.{name}"
            else f" here; there is {places[name]}"
        )
    if nearest := get_close_matches(name, sorted(places), n=1):
        return f"; did you mean '{nearest[0]}'?"
    few = [field for field, place in places.items() if "." not in place]
    return f"; there are: {', '.join(few)}" if len(few) <= _FEW else ""


def _places(schema: dict[str, Any]) -> dict[str, str]:
    """Every field name of a document, and the shallowest place where it stands: `training.epochs`."""
    places: dict[str, str] = {}
    seen: set[str] = set()
    ahead: deque[tuple[str, Any]] = deque([("", schema)])
    while ahead:
        above, node = ahead.popleft()
        reference = node.get("$ref", "")
        if reference and reference not in seen:
            seen.add(reference)
            ahead.append((above, schema["$defs"][reference.rsplit("/")[-1]]))
        ahead.extend((above, arm) for kind in ("anyOf", "oneOf", "allOf") for arm in node.get(kind, ()))
        if isinstance(node.get("items"), dict):
            ahead.append((above, node["items"]))
        for name, field in node.get("properties", {}).items():
            places.setdefault(name, above + name)
            ahead.append((f"{above}{name}.", field))
    return places
