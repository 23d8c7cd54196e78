"""The model card: `README.md` of a student, in the layout that the Hugging Face hub reads.

A person who meets the file without its job learns from it what it is, whose knowledge is in it, how
good it was on what, how to load it, and what nobody knows. Every figure is one of report.json.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from distill.card.loading import how_to_load
from distill.card.metadata import metadata, name_of, yaml
from distill.card.provenance import data_of, license_of, teachers_of
from distill.card.words import interval, number, size, table, text
from distill.config.folder import Registry
from distill.config.networks import Dataset, Network
from distill.config.tasks import TASKS

VERDICTS = {
    "helped": "Distillation helped: it is better, beyond chance, than the same network without a teacher.",
    "no_difference": "Whether the teacher helped cannot be told from chance: the same network trained "
    "without one came out alike.",
    "hurt": "Distillation hurt: the same network trained without a teacher is better, beyond chance.",
}
CONCLUSIONS = {
    "passed": "It passed every gate that its job set.",
    "no_gate": "Its job set no gates: nobody said beforehand how good it must be.",
    "gate_failed": "**It failed a gate of its job.** The table below says which.",
    "gate_inconclusive": "**A gate of its job could not be decided** with so few test examples.",
    "export_failed": "**A file of it is not the student that was measured.** The table of files says which.",
}
LABELS_SHOWN = 50


def card(
    report: Mapping[str, Any],
    network: Network,
    *,
    dataset: Dataset,
    registry: Registry,
    conclusion: str,
) -> str:
    """The whole card, Markdown below YAML.

    Args:
        report: the content of report.json.
        network: the student.
        registry: what the service knows of the models and the dataset; of a job without one, nothing.
    """
    parts = [
        f"# {text(name_of(report['asked']))}",
        _summary(report, network, conclusion),
        "## Figures",
        *_figures(report),
        *_gates(report["result"].get("gates") or []),
        "## Teacher",
        *teachers_of(report, registry),
        "## Data",
        *data_of(report, dataset, registry),
        "## Inputs and outputs",
        *_interface(network),
        "## Files",
        *_files(report["result"]),
        "## How to load it",
        *how_to_load(report["result"]["exports"], network),
        "## What it cannot tell you",
        *_limits(report["result"]),
        "## License",
        *license_of(registry),
        "## Where it comes from",
        "`manifest.json`, where it lies beside this card, names the job, everything that it was made of, and "
        "the sha256 of every file, and is signed by the service that ran the job. "
        "`limbeck verify DIR` checks all of it without a network.",
    ]
    return f"---\n{yaml(metadata(report, network, registry))}---\n\n" + "\n\n".join(parts) + "\n"


def _summary(report: Mapping[str, Any], network: Network, conclusion: str) -> str:
    student = report["result"]["student"]
    said = VERDICTS.get(report["result"]["distillation"], "Whether distillation helped was not measured.")
    return (
        f"A small network for {network.task}: `{network.architecture}` with {student['parameters']:,} "
        f"parameters in {size(student['size_bytes'])}, made by knowledge distillation with Limbeck. "
        f"{said} {CONCLUSIONS[conclusion]}"
    )


def _figures(report: Mapping[str, Any]) -> Iterator[str]:
    """All of test; the main figure of each network with its interval."""
    result, main = report["result"], report["result"]["main_figure"]
    runs = [run for run in ("teacher", "student", "control") if result.get(run) is not None]
    names = [
        row["figure"]
        for row in report["table"]
        if row["figure"] not in ("parameters", "size_bytes", "macs", "examples", "labels_used", "words")
        and not row["figure"].startswith(("latency", "peak"))
    ]
    rows = [[f"**{main}**", *(interval(report["main_figures"][run]) for run in runs)]]
    rows += [[name, *(number(result[run].get(name)) for run in runs)] for name in names if name != main]
    yield table(["", *runs], rows)
    examples = result["student"].get("examples")
    yield (
        f"On {examples:,} test examples, read once, after every choice was made, and measured on the files "
        f"themselves. Brackets are {text(result['intervals_note'])}. `control` is the same network, trained "
        "as long on the same labels without a teacher."
    )
    beside = {
        "Retention (student / teacher)": result.get("retention"),
        "Gain (student - control)": result.get("gain"),
        "Gap closed": result.get("gap_closed"),
    }
    known = {name: value for name, value in beside.items() if value and value.get("value") is not None}
    if known:
        yield table(["", ""], [[name, interval(value)] for name, value in known.items()])


def _gates(gates: list[Mapping[str, Any]]) -> Iterator[str]:
    if not gates:
        return
    yield "## Gates"
    yield table(
        ["figure", "of", "against", "bounds", "measured", "verdict"],
        [
            [
                text(gate["metric"]),
                text(gate["on"]),
                text(gate.get("relative_to") or "itself"),
                _bounds(gate),
                interval(gate),
                text(gate["verdict"]),
            ]
            for gate in gates
        ],
    )


def _bounds(gate: Mapping[str, Any]) -> str:
    named = (("at least", gate.get("min")), ("at most", gate.get("max")))
    return ", ".join(f"{word} {number(bound)}" for word, bound in named if bound is not None)


def _interface(network: Network) -> Iterator[str]:
    taken = network.input
    what = {
        "image": f"Images, {taken.dtype}, of shape (channels, height, width) = {tuple(taken.shape)}",
        "tabular": f"Rows of {taken.shape[0]} numbers, {taken.dtype}",
        "text": f"Text, of which {network.preprocessing.max_length or taken.shape[0]} tokens are seen",
    }[taken.kind]
    yield f"{what}, as they are stored. The table of files says which of them prepares its inputs itself."
    target = TASKS[network.task].target
    if target == "embedding":
        yield f"It answers with an embedding of {network.num_outputs} numbers."
        return
    answers = {"number": "numbers in the units of the labels"}.get(target, "logits")
    labels = network.labels or []
    shown = ", ".join(text(label) for label in labels[:LABELS_SHOWN])
    more = f" and {len(labels) - LABELS_SHOWN} more" if len(labels) > LABELS_SHOWN else ""
    yield f"It answers with {network.num_outputs} {answers}, in this order: {shown}{more}."


def _files(result: Mapping[str, Any]) -> Iterator[str]:
    main = result["main_figure"]
    yield table(
        ["format", "status", main, "same answers", "bytes", "p50 ms", "p95 ms", "runtime", "prepares inputs"],
        [
            [
                form,
                entry["status"],
                interval(entry.get(main)),
                number(entry.get("match")),
                f"{entry['size_bytes']:,}" if entry.get("size_bytes") is not None else "",
                *(number((entry.get("latency_ms") or {}).get(share)) for share in ("p50", "p95")),
                text(entry.get("runtime") or ""),
                text((entry.get("preprocessing") or {}).get("where", "")),
            ]
            for form, entry in result["exports"].items()
        ],
    )
    yield (
        "Each file ran alone, in its own runtime, on the whole test split; `same answers` is the share of it "
        "on which the file answers as the network that was measured above."
    )
    for form, entry in result["exports"].items():
        if entry.get("reason"):
            yield f"**{form} failed**: {text(entry['reason'])}."


def _limits(result: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "It was measured on one test split, which came from the same source as what it was trained on. "
        "How it does on other data, and whether it treats the people in them alike, was not measured. "
        "It cannot know what its teacher did not know, and has likely taken over the teacher's mistakes too."
    )
    for warning in result.get("warnings") or []:
        yield f"- {text(warning['message'])}."
