"""What a job was asked to do, in a few lines."""

from collections.abc import Iterator, Mapping
from typing import Any

from api.report import words


def asked(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """`(what, how)`: teacher, dataset, student and all that was not left as it is."""
    yield from _teacher(document)
    if document.get("dataset"):
        yield "dataset", str(document["dataset"])
    if student := document.get("student"):
        yield "student", _student(student)
    labels = document.get("labels") or {}
    if labels.get("count") is not None:
        yield "labels", f"{labels['count']:,}"
    elif labels.get("fraction") is not None:
        yield "labels", f"{labels['fraction']:.3g} of them"
    evaluation = document.get("evaluation") or {}
    if evaluation.get("seeds", 1) > 1:
        yield "seeds", str(evaluation["seeds"])
    if evaluation.get("control") is False:
        yield "control", "none"
    if output := document.get("output"):
        alias = f", alias {output['alias']}" if output.get("alias") else ""
        yield "becomes", f"the next version of {output['name']}{alias}"


def _teacher(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if teachers := document.get("teachers"):
        names = ", ".join(str(each["model"]) for each in teachers)
        yield "teachers", f"{names}, combined: {document['combine'].replace('_', ' ')}"
    elif isinstance(teacher := document.get("teacher"), str):
        yield "teacher", teacher
    elif teacher:
        (how, network), *_ = teacher.items()
        shape = f": {_network(network)}" if isinstance(network, Mapping) and "architecture" in network else ""
        yield "teacher", ("trained by the job" if how == "train" else how.replace("_", " ")) + shape
    if via := document.get("via"):
        yield "by way of", _network(via)


def _student(student: Mapping[str, Any]) -> str:
    if student.get("model"):
        return f"begins as {student['model']}"
    if student.get("from_teacher"):
        return f"made from the teacher: {_settings(student['from_teacher'])}"
    if student.get("huggingface"):
        return _settings(student["huggingface"])
    return _network(student)


def _network(network: Mapping[str, Any]) -> str:
    settings = _settings(network.get("config") or {})
    return f"{network.get('architecture')}, {settings}" if settings else str(network.get("architecture"))


def _settings(settings: Mapping[str, Any]) -> str:
    told = {name.replace("_", " "): value for name, value in settings.items() if value is not None}
    return ", ".join(f"{name} {words.number(value)}" for name, value in told.items())
