"""The proof of a whole job: its student, and whatever the student's files are to be compared with."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from distill.config.exports import Export, Format
from distill.config.networks import Network
from distill.evaluate.measure import Candidate, Measured, Rows
from distill.exports import Exported, described_safetensors, stays_in_one_runtime
from distill.opening import Opened
from distill.proof import subjects
from distill.proof.bench import Proof, Shown, prove
from distill.proof.parity import entry_of, failed
from distill.proof.subjects import Setting, Subject


def prove_job(
    opened: Opened,
    candidates: Mapping[str, Candidate],
    exports: Sequence[Exported],
    out: Path,
    *,
    heed: Callable[[], None],
) -> Proof:
    """Run the student as its user would. Where it leaves in other formats too, run all of them beside it,
    with the teacher, the control and the models that gates name, and take their times in turns."""
    in_one_runtime = stays_in_one_runtime(opened.document)
    everyone = [subjects.student(out / "student")]
    if not in_one_runtime:
        everyone = _with_rivals(everyone, opened, candidates, out / "student")
    everyone += [subjects.export(each.made) for each in exports if each.made is not None]
    return prove(
        everyone,
        Setting.of(opened),
        outputs=opened.student_network.num_outputs,
        timed=not in_one_runtime,
        heed=heed,
        scratch=out,
    )


def _with_rivals(
    student: list[Subject], opened: Opened, candidates: Mapping[str, Candidate], written: Path
) -> list[Subject]:
    everyone = [subjects.teacher(candidates["teacher"].files, opened), *student]
    for name, candidate in candidates.items():
        if candidate.timed and name not in ("teacher", "student"):
            (file,) = candidate.files
            is_control = name == "control"
            everyone.append(
                subjects.control(file, written) if is_control else subjects.incumbent(name, file, opened)
            )
    return everyone


def exports_in(proof: Proof) -> list[tuple[Format, Shown]]:
    """The exports that ran, by their formats; safetensors is the student."""
    found: list[tuple[Format, Shown]] = []
    for form in get_args(Format):
        shown = proof.get("student" if form == "safetensors" else form)
        if isinstance(shown, Shown):
            found.append((form, shown))
    return found


def entries(
    proof: Proof,
    exports: Sequence[Exported],
    network: Network,
    student: Measured,
    rows: Rows,
    *,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """The contract's `exports`: one block a format, safetensors first."""
    found = {
        "safetensors": entry_of(
            Export(format="safetensors"),
            proof["student"],
            student,
            rows,
            description=described_safetensors(network, student.figures),
            seed=seed,
        )
    }
    for each in exports:
        form, description = each.export.format, each.description
        if each.refusal is not None:
            found[form] = failed(each.refusal, rows.science.main_figure, description)
        else:
            found[form] = entry_of(
                each.export, proof[form], student, rows, description=description, seed=seed
            )
    return found
