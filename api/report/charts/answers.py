"""What networks answer: how softly, how surely, what for what, how near."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.report import words
from api.report.charts.frame import frame
from api.report.charts.shapes import Chart, Key, Scale, Shape, Words, bar, line, mark, room_for, ticks

CHARACTERS = 12


def temperature(picture: Mapping[str, Any]) -> Chart:
    """The teacher's probabilities for one example at each temperature, a column each; then the student's."""
    columns: list[tuple[str, str, list[float]]] = [
        (f"T = {T:g}", "teacher", probabilities)
        for T, probabilities in zip(picture["temperatures"], picture["teacher"], strict=True)
    ]
    if picture["student"] is not None:
        columns.append(("student", "student", picture["student"]))
    names, others = [str(name) for name in picture["names"]], picture["others"]
    if others:
        names.append(f"{others['count']} others")
        rest = [*others["teacher"], others["student"]]
        columns = [
            (title, look, [*listed, more]) for (title, look, listed), more in zip(columns, rest, strict=True)
        ]
    left, row, top, width = room_for(names, CHARACTERS), 22.0, 24.0, 360.0
    step = (width - left) / len(columns)
    longest = max(max(probabilities) for _, _, probabilities in columns)
    room = (step - 42) / longest
    shapes, texts = [], []
    bottom = top + row * len(names)
    for number, (title, look, probabilities) in enumerate(columns):
        x = round(left + step * number, 2)
        texts.append(Words(x, 14, title, "start", f"head {look}"))
        shapes.append(Shape(line([(x, top), (x, bottom)]), "axis"))
        for place, (name, probability) in enumerate(zip(names, probabilities, strict=True)):
            y = top + row * place
            long = round(max(room * probability, 0.5), 2)
            shapes.append(Shape(bar(x, y + 5, long, row - 10), f"bar {look}", f"{title}, {name}"))
            texts.append(Words(x + long + 4, y + 15, words.share(probability), "start", "value"))
    label = picture["label"]
    right = set(label) if isinstance(label, list) else {label}
    for place, name in enumerate(names):
        look = "name right" if name in right else "name"
        texts.append(Words(left - 8, top + row * place + 15, words.cut(name, CHARACTERS), "end", look, name))
    said = "; ".join(f"{title}: {_likeliest(names, listed)}" for title, _, listed in columns)
    return Chart(
        "temperature",
        "The teacher's word, softened",
        f"Probabilities for one test example. {said}.",
        width,
        bottom + 6,
        shapes,
        texts,
    )


def _likeliest(names: Sequence[str], probabilities: Sequence[float]) -> str:
    """The first three names with what they are given."""
    return ", ".join(
        f"{name} {words.share(given)}" for name, given in list(zip(names, probabilities, strict=True))[:3]
    )


def reliability(run: str, bins: Sequence[Mapping[str, float]]) -> Chart:
    """How often a network is right where it is so sure; a mark is as large as its share of answers."""
    field = frame([0, 1], [0, 1], width=240, height=230, x_title="how sure", y_title="how often right")
    x, y = field.x, field.y
    shapes = [*field.shapes, Shape(line([(x(0), y(0)), (x(1), y(1))]), "ideal", "perfectly calibrated")]
    placed = [(x(each["confidence"]), y(each["accuracy"])) for each in bins]
    if len(placed) > 1:
        shapes.append(Shape(line(placed), f"line {run}"))
    for (across, up), each in zip(placed, bins, strict=True):
        title = (
            f"sure {words.share(each['confidence'])}, right {words.share(each['accuracy'])}, "
            f"{words.share(each['share'])} of answers"
        )
        shapes.append(Shape(mark(run, across, up, 2 + 5 * each["share"] ** 0.5), f"mark {run}", title))
    surest = max(bins, key=lambda each: each["share"])
    about = (
        f"Of the {run}'s answers most, {words.share(surest['share'])}, are "
        f"{words.share(surest['confidence'])} sure, and {words.share(surest['accuracy'])} of these right."
    )
    return Chart(f"reliability-{run}", run.capitalize(), about, 240, 230, shapes, field.words)


def matrix(confusion: Mapping[str, Any]) -> Chart:
    """What the student takes for what: a row a label, a column an answer, darker where more of the row."""
    labels, counts = [str(label) for label in confusion["labels"]], confusion["counts"]
    left, top = room_for(labels, 11), 8.0
    cell = min(34.0, (360 - left) / len(labels))
    shapes, texts = [], []
    for row, (label, line_of) in enumerate(zip(labels, counts, strict=True)):
        whole = sum(line_of) or 1
        middle = top + cell * (row + 0.5) + 4
        texts.append(Words(left - 6, middle, words.cut(label, 11), "end", "name", label))
        for column, count in enumerate(line_of):
            x, y = left + cell * column, top + cell * row
            title = f"{label} taken for {labels[column]}: {count:,}"
            look = "cell hit" if row == column else "cell"
            part = round(count / whole, 3)
            shapes.append(Shape(bar(round(x, 2), round(y, 2), cell - 1, cell - 1), look, title, part))
            if count and cell >= 18:
                strong = " strong" if part > 0.5 else ""
                texts.append(Words(x + cell / 2, middle, f"{count}", "middle", f"count{strong}"))
    bottom = top + cell * len(labels)
    longest = max(len(words.cut(label, 11)) for label in labels)
    turned = longest * 6.5 > cell
    for column, label in enumerate(labels):
        x = left + cell * (column + 0.5)
        if turned:
            texts.append(Words(x + 4, bottom + 6, words.cut(label, 11), "end", "name", label, turned=True))
        else:
            texts.append(Words(x, bottom + 14, words.cut(label, 11), "middle", "name", label))
    below = 12 + min(longest, 11) * 6.8 if turned else 20
    hits = sum(counts[each][each] for each in range(len(labels)))
    total = sum(map(sum, counts))
    about = f"Rows are labels, columns what the student says. {hits:,} of {total:,} answers are right."
    return Chart("confusion", "Confusion of the student", about, 360, bottom + below, shapes, texts)


def scatter(output: Mapping[str, Any], number: int) -> Chart:
    """What teacher and student say of a number, over what is true."""
    true = output["true"]
    everything = [*true, *output["teacher"], *output["student"]]
    field = frame(everything, everything, width=300, height=260, x_title="true", y_title="said")
    x, y = field.x, field.y
    ends = [min(everything), max(everything)]
    shapes = [*field.shapes, Shape(line([(x(end), y(end)) for end in ends]), "ideal", "said what is true")]
    for run in ("teacher", "student"):
        shapes += [
            Shape(mark(run, x(value), y(said), 2.2), f"mark faint {run}")
            for value, said in zip(true, output[run], strict=True)
        ]
    return Chart(
        f"scatter-{number}",
        str(output["label"]),
        f"{len(true):,} test examples: what teacher and student say of {output['label']} over what is true.",
        300,
        260,
        shapes,
        field.words,
        [Key("teacher", "teacher"), Key("student", "student")],
    )


def histogram(likeness: Mapping[str, Any]) -> Chart:
    """How alike the embeddings of student and teacher are."""
    edges, counts = likeness["edges"], likeness["counts"]
    field = frame(edges, [0, *counts], width=360, height=220, x_title="cosine", y_title="examples")
    base = field.y(0)
    shapes = list(field.shapes)
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        left, right = field.x(low), field.x(high)
        title = f"{words.number(low)} to {words.number(high)}: {count:,}"
        up = field.y(count)
        shapes.append(
            Shape(bar(left, up, round(right - left - 1, 2), round(base - up, 2)), "bar student", title)
        )
    about = f"Cosine of the student's and the teacher's embedding, of {sum(counts):,} test examples."
    return Chart("likeness", "Likeness of embeddings", about, 360, 220, shapes, field.words)


def spans(phases: Sequence[Mapping[str, Any]]) -> Chart:
    """How long each phase took."""
    left, right, row, width = 118.0, 62.0, 22.0, 360.0
    longest = max([each["seconds"] for each in phases] or [1.0]) or 1.0
    x = Scale(0, ticks(0, longest)[-1], left, width - right)
    shapes, texts = [], []
    for number, each in enumerate(phases):
        y = row * number
        long = round(max(x(each["seconds"]) - left, 0.5), 2)
        name = each["name"].replace("_", " ")
        shapes.append(Shape(bar(left, y + 5, long, row - 10), "bar plain", name))
        texts.append(Words(left - 8, y + 15, name, "end", "name"))
        texts.append(Words(left + long + 5, y + 15, words.duration(each["seconds"]), "start", "value"))
    height = row * len(phases)
    shapes.append(Shape(line([(left, 0), (left, height)]), "axis"))
    total = words.duration(sum(each["seconds"] for each in phases))
    return Chart("phases", "Time of each phase", f"{total} in all.", width, height + 4, shapes, texts)
