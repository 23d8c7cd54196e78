"""The service's signature: an Ed25519 key in a file, whose public part stands in the database.

The private part is a PEM file (PKCS8, mode 600) that the workers read when they sign, and no other
process. A key that has ever signed stays listed, so that what it signed can be checked for ever.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger.database import insert_or_keep
from ledger.errors import SigningKeyUnusable
from ledger.tables import SigningKey

log = structlog.get_logger()

ALGORITHM = "Ed25519"
_ID_LENGTH = 16


@dataclass(frozen=True)
class Signer:
    """The private key, for as long as something is being signed."""

    _private: Ed25519PrivateKey

    @classmethod
    def read(cls, path: Path) -> Self:
        """The key in the PEM file at `path`.

        Raises:
            SigningKeyUnusable: the file cannot be read, or holds no Ed25519 key without a passphrase.
        """
        try:
            private = load_pem_private_key(path.read_bytes(), password=None)
        except FileNotFoundError as error:
            reason = "there is no such file; `python -m ledger.bootstrap` makes it"
            raise SigningKeyUnusable(path, reason) from error
        except OSError as error:
            raise SigningKeyUnusable(path, error.strerror or str(error)) from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SigningKeyUnusable(path, "it holds no private key in PEM without a passphrase") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise SigningKeyUnusable(path, f"its key is not one of {ALGORITHM}")
        return cls(private)

    @property
    def key_id(self) -> str:
        return key_id(self._private.public_key())

    @property
    def public_key(self) -> str:
        """As PEM (SubjectPublicKeyInfo)."""
        public = self._private.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, content: bytes) -> bytes:
        """64 bytes, the same for the same content each time (RFC 8032)."""
        return self._private.sign(content)


def key_id(public: Ed25519PublicKey) -> str:
    """The first 16 hexadecimal digits of the sha256 of the raw public key."""
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()[:_ID_LENGTH]


def ensure_key(path: Path) -> Signer:
    """The key at `path`; a new one, for its owner's eyes alone, where there is no file.

    Of two processes that make one at once, both get the key of the first.

    Raises:
        SigningKeyUnusable: what is there is no key, or no file can be made.
    """
    if not path.exists():
        with _made_aside(path) as aside, suppress(FileExistsError):
            path.hardlink_to(aside)
            log.info("signing_key_made", path=str(path))
    return Signer.read(path)


def replace_key(path: Path) -> Signer:
    """A new key at `path`, that signs from now on; what was there is gone, and can sign no more.

    Raises:
        SigningKeyUnusable: no file can be made there.
    """
    with _made_aside(path) as aside:
        aside.replace(path)
        log.info("signing_key_replaced", path=str(path))
    return Signer.read(path)


def list_key(session: Session, signer: Signer) -> None:
    """Show the public part from now on; again is harmless."""
    insert_or_keep(session, SigningKey, {"id": signer.key_id, "public_key": signer.public_key})


def listed_keys(session: Session) -> list[SigningKey]:
    """Every key that signs or has signed, newest first."""
    return list(session.scalars(select(SigningKey).order_by(SigningKey.created_at.desc(), SigningKey.id)))


@contextmanager
def _made_aside(path: Path) -> Iterator[Path]:
    """A new key in a file beside `path`, on the disk whole; gone after the block under this name."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            yield aside
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise SigningKeyUnusable(path, error.strerror or str(error)) from error
