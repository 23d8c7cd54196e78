"""API keys: `lmb_<prefix>_<secret>`, of which the secret is stored as a hash alone."""

import hashlib
import re
import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger.database import now
from ledger.errors import KeyInvalid, ScopeMissing
from ledger.identifiers import new_id
from ledger.tables import ApiKey

SCOPES = ("read", "write", "admin")

_ALPHABET = string.ascii_letters + string.digits
_PREFIX_LENGTH, _SECRET_LENGTH = 8, 43
_FORM = re.compile(rf"lmb_([A-Za-z0-9]{{{_PREFIX_LENGTH}}})_([A-Za-z0-9]{{{_SECRET_LENGTH}}})")


@dataclass(frozen=True)
class Caller:
    """Who is asking, and what for they may ask."""

    project_id: str
    key_id: str
    scopes: frozenset[str]

    def require(self, scope: str) -> None:
        """`admin` stands for every scope, and `write` for `read` too.

        Raises:
            ScopeMissing: the key is not for this.
        """
        granted = {"read": {"read", "write", "admin"}, "write": {"write", "admin"}}
        if not self.scopes & granted.get(scope, {scope}):
            raise ScopeMissing(scope)


def create_key(
    session: Session,
    *,
    project_id: str,
    name: str,
    scopes: Iterable[str] = SCOPES,
    expires_at: float | None = None,
) -> tuple[ApiKey, str]:
    """A new key, and its text, which cannot be had again."""
    prefix, secret = _random(_PREFIX_LENGTH), _random(_SECRET_LENGTH)
    key = ApiKey(
        id=new_id("key_"),
        project_id=project_id,
        name=name,
        prefix=prefix,
        secret_sha256=_hash(secret),
        scopes=sorted(scopes),
        expires_at=expires_at,
    )
    session.add(key)
    session.flush()
    return key, f"lmb_{prefix}_{secret}"


def authenticate(session: Session, text: str) -> Caller:
    """Whose key this is.

    Raises:
        KeyInvalid: it is malformed, unknown, wrong, expired or revoked.
    """
    parts = _FORM.fullmatch(text)
    if parts is None:
        raise KeyInvalid
    prefix, secret = parts.groups()
    key = session.scalars(select(ApiKey).where(ApiKey.prefix == prefix)).one_or_none()
    known = key.secret_sha256 if key is not None else _hash("")
    matches = secrets.compare_digest(known, _hash(secret))
    if key is None or not matches or key.revoked_at is not None:
        raise KeyInvalid
    if key.expires_at is not None and key.expires_at <= now(session):
        raise KeyInvalid
    return Caller(key.project_id, key.id, frozenset(key.scopes))


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
