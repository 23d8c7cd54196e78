"""Signing keys that the user vouched for: named by `--key`, or shown by a service at a pull.

A service shows its keys to whoever has an API key of it. They are remembered in a file for each
service, `~/.config/limbeck/signing-keys/`, at the first pull. A new key is taken in later where the
service still shows one that is known already; where none is left, somebody else may be answering.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.errors import LimbeckError

if TYPE_CHECKING:  # a fifth of the time that the command line takes to start, and seldom needed
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_ID_LENGTH = 16


@dataclass(frozen=True)
class VouchedKey:
    """A public key, and who says that it is the service's."""

    key: "Ed25519PublicKey"
    by: str
    """`--key FILE`, or which service showed it and when."""

    @property
    def id(self) -> str:
        """The first 16 hexadecimal digits of the sha256 of the raw key, as the service counts them."""
        return hashlib.sha256(self.key.public_bytes_raw()).hexdigest()[:_ID_LENGTH]

    def signed(self, content: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's of exactly these bytes."""
        from cryptography.exceptions import InvalidSignature

        try:
            self.key.verify(signature, content)
        except InvalidSignature:
            return False
        return True


def of_file(path: Path) -> VouchedKey:
    """The key in a PEM file.

    Raises:
        LimbeckError: it holds no public key of Ed25519.
        OSError: it cannot be read.
    """
    try:
        return VouchedKey(_public(path.read_bytes()), f"--key {path}")
    except ValueError as error:
        raise LimbeckError(
            f"{path} holds {error}; give the `public_key` that GET /v1/signing-key answers, as a file"
        ) from None


def remembered() -> list[VouchedKey]:
    """The keys of every service that was pulled from."""
    if not _folder().is_dir():
        return []
    return [key for path in sorted(_folder().glob("*.json")) for key in _keys_in(path)]


def remember(url: str, shown: Sequence[Mapping[str, Any]]) -> list[str]:
    """Take in the keys that the service at `url` shows; sentences about what is new or strange.

    Raises:
        OSError: they cannot be written down.
    """
    path = _folder() / f"{re.sub(r'[^A-Za-z0-9.]+', '-', url).strip('-')}.json"
    known = {key.id for key in _keys_in(path)}
    pems = {VouchedKey(_public(str(key["public_key"]).encode()), url).id: key["public_key"] for key in shown}
    new = [id for id in pems if id not in known]
    if known and new and not known & pems.keys():
        return [
            f"{url} shows other signing keys than it did before, and none of those: {', '.join(new)} instead "
            f"of {', '.join(sorted(known))}. They are not remembered. If you know why, delete {path} and "
            "pull again."
        ]
    if new:
        _write(path, url, pems, new)
    return [f"remembered the signing key {id} of {url}" for id in new]


def _write(path: Path, url: str, pems: Mapping[str, str], new: Sequence[str]) -> None:
    """Add the new keys to the file, which is whole whenever it is there."""
    seen_at = datetime.now(UTC).isoformat(timespec="seconds")
    entries = [*_entries(path), *({"public_key": pems[id], "seen_at": seen_at} for id in new)]
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = path.with_suffix(f".{os.getpid()}")
    aside.write_text(json.dumps({"url": url, "keys": entries}, indent=2) + "\n")
    aside.replace(path)


def _keys_in(path: Path) -> Iterator[VouchedKey]:
    for entry in _entries(path):
        yield VouchedKey(_public(entry["public_key"].encode()), f"{entry['url']} since {entry['seen_at']}")


def _entries(path: Path) -> list[dict[str, str]]:
    """Raises LimbeckError where the file is not as it was written."""
    try:
        content = json.loads(path.read_text())
        return [{**entry, "url": content["url"]} for entry in content["keys"]]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError):
        raise LimbeckError(f"{path} is damaged; delete it and pull again") from None


def _public(pem: bytes) -> "Ed25519PublicKey":
    """Raises ValueError that says what the PEM holds instead."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("no public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("a public key of another kind than Ed25519")
    return key


def _folder() -> Path:
    config = os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
    return Path(config) / "limbeck" / "signing-keys"
