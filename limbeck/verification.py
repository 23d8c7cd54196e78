"""Whether a folder holds exactly what a job left, by its signed manifest. Needs no service."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from limbeck.errors import LimbeckError
from limbeck.vouched import VouchedKey

MANIFEST, SIGNATURE = "manifest.json", "manifest.json.sig"

State = Literal["ok", "changed", "missing", "not here", "unlisted"]


class NoManifest(LimbeckError):
    """The folder was not pulled from a service that signs."""


@dataclass(frozen=True)
class Seen:
    """One file of the folder or of the manifest."""

    file: str
    state: State
    sha256: str | None = None
    """Of the file that is here."""
    expected: str | None = None
    """What the manifest says."""

    @property
    def is_as_it_should_be(self) -> bool:
        return self.state in ("ok", "not here")

    def __str__(self) -> str:
        reason = {
            "changed": f"  its sha256 is {self.sha256}, the manifest says {self.expected}",
            "missing": "  the manifest lists it, and it is not here",
            "not here": "  the manifest lists it",
            "unlisted": "  it is here, and the manifest does not list it",
        }.get(self.state, f"  {self.sha256}")
        return f"{self.state:<9} {self.file}{reason}"


@dataclass(frozen=True)
class Verification:
    """What was found; it holds where nothing is wrong."""

    folder: str
    job: dict[str, Any]
    conclusion: str | None
    key_id: str | None
    """Of the key that the manifest says signed it."""
    vouched_by: str | None
    """Who vouches for the key that really did."""
    files: tuple[Seen, ...]
    problems: tuple[str, ...]
    """A sentence each."""

    @property
    def holds(self) -> bool:
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        return {"holds": self.holds, **asdict(self)}

    def __str__(self) -> str:
        lines = [str(seen) for seen in self.files]
        if not self.holds:
            lines += [f"NOT verified: {problem}" for problem in self.problems]
            if {seen.state for seen in self.files} == {"ok", "missing"}:
                lines.append("Of files that were pulled in one format alone, say --partial.")
            return "\n".join(lines)
        said = f"{self.folder} is what job {self.job.get('id')} ({self.job.get('name')}) left"
        signer = f"signed by the key {self.key_id} ({self.vouched_by})"
        return "\n".join([*lines, f"verified: {said}, conclusion {self.conclusion}, {signer}"])


def verify(folder: Path, keys: Sequence[VouchedKey], *, partial: bool = False) -> Verification:
    """Compare `folder` with its manifest, and the signature of that with the keys that are vouched for.

    With `partial`, files that the manifest lists and that are not here are no fault, as long as one is.

    Raises:
        NoManifest: there is none in `folder`.
        OSError: a file cannot be read.
    """
    content = _manifest(folder)
    told = _parsed(content)
    key_id = _at(told, "signature").get("key_id")
    signer, problem = _signer(folder, content, keys, key_id)
    files = _compared(folder, told.get("artifacts"), partial=partial)
    problems = [problem] if problem else []
    if files is None:
        problems.append(f"{MANIFEST} is no manifest of a job")
    else:
        wrong = [seen for seen in files if not seen.is_as_it_should_be]
        problems += [f"{seen.file} is {seen.state}" for seen in wrong]
        if not any(seen.state == "ok" for seen in files) and not wrong:
            problems.append("none of the files that the manifest lists is here")
    return Verification(
        folder=str(folder),
        job=_at(told, "job"),
        conclusion=told.get("conclusion"),
        key_id=signer.id if signer else key_id,
        vouched_by=signer.by if signer else None,
        files=tuple(files or ()),
        problems=tuple(problems),
    )


def listed(folder: Path) -> set[str]:
    """What the manifest lists, and its own two files.

    Raises:
        NoManifest: there is none in `folder`.
    """
    named = _names(_parsed(_manifest(folder)).get("artifacts")) or {}
    return {MANIFEST, SIGNATURE, *named}


def _manifest(folder: Path) -> bytes:
    try:
        return (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise NoManifest(
            f"there is no {MANIFEST} in {folder}. `limbeck pull JOB -o DIR` brings one, from a service that "
            "has a signing key"
        ) from None


def _parsed(content: bytes) -> dict[str, Any]:
    """The manifest; empty where it is none."""
    try:
        told = json.loads(content)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _at(told: dict[str, Any], name: str) -> dict[str, Any]:
    section = told.get(name)
    return section if isinstance(section, dict) else {}


def _signer(
    folder: Path, content: bytes, keys: Sequence[VouchedKey], key_id: object
) -> tuple[VouchedKey | None, str | None]:
    """The key that signed these bytes, or what is wrong with the signature."""
    try:
        signature = (folder / SIGNATURE).read_bytes()
    except FileNotFoundError:
        return None, f"{SIGNATURE} is not here, so that nobody answers for the manifest"
    for key in keys:
        if key.signed(content, signature):
            return key, None
    if any(key.id == key_id for key in keys):
        return None, (
            f"the signature is not that of the key {key_id} for this manifest: "
            f"{MANIFEST} or {SIGNATURE} was changed"
        )
    return None, (
        f"the manifest says that the key {key_id} signed it, and nobody vouched for that key here: "
        "give it with --key FILE, or pull once from the service itself"
    )


def _compared(folder: Path, artifacts: object, *, partial: bool) -> list[Seen] | None:
    """Every file that is listed or here, by name; None where the list is none."""
    expected = _names(artifacts)
    if expected is None:
        return None
    here = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if _counts(path)}
    for name in (MANIFEST, SIGNATURE):
        here.pop(name, None)
    absent: State = "not here" if partial else "missing"
    return [
        _seen(name, here.get(name), expected.get(name), absent)
        for name in sorted(expected.keys() | here.keys())
    ]


def _names(artifacts: object) -> dict[str, str] | None:
    """The sha256 of each file that is listed; None where this is no list of files in the folder."""
    try:
        named = {str(entry["filename"]): str(entry["sha256"]) for entry in artifacts}  # type: ignore[attr-defined]  # whatever it is, it came from a file
    except (TypeError, KeyError):
        return None
    return named if all(map(_stays_inside, named)) else None


def _seen(name: str, path: Path | None, expected: str | None, absent: State) -> Seen:
    if path is None:
        return Seen(name, absent, expected=expected)
    if not path.is_file():  # a link to nowhere or to a folder
        return Seen(name, "unlisted" if expected is None else "changed", expected=expected)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if expected is None:
        return Seen(name, "unlisted", found)
    return Seen(name, "ok" if found == expected else "changed", found, expected)


def _counts(path: Path) -> bool:
    """Everything but folders, whose files speak for them."""
    return path.is_symlink() or not path.is_dir()


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\\" not in name
