"""The key that signs: how it is made, read, replaced and shown."""

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_public_key,
)

from ledger.database import Sessions, connect
from ledger.errors import SigningKeyUnusable
from ledger.signing import Signer, ensure_key, list_key, listed_keys, replace_key

ROOT = Path(__file__).parent.parent.parent


def bootstrap(url: str, key: Path | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"LIMBECK_DATABASE_URL": url, "PYTHONPATH": str(ROOT)}
    if key is not None:
        environment["LIMBECK_SIGNING_KEY"] = str(key)
    command = [sys.executable, "-P", "-m", "ledger.bootstrap", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def listed(sessions: Sessions) -> list[str]:
    with sessions.reading() as session:
        return [key.id for key in listed_keys(session)]


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "signing.key"

    made = ensure_key(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ensure_key(path).key_id == made.key_id
    assert [entry.name for entry in path.parent.iterdir()] == ["signing.key"]


def test_of_many_that_make_one_at_once_all_get_the_same(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    with ThreadPoolExecutor(8) as pool:
        ids = {signer.key_id for signer in pool.map(ensure_key, [path] * 8)}
    assert ids == {Signer.read(path).key_id}
    assert [entry.name for entry in tmp_path.iterdir()] == ["signing.key"]


def test_what_it_signs_is_checked_by_its_public_part(tmp_path: Path) -> None:
    signer = ensure_key(tmp_path / "signing.key")

    public = load_pem_public_key(signer.public_key.encode())

    assert isinstance(public, Ed25519PublicKey)
    assert signer.sign(b"words") == signer.sign(b"words")
    public.verify(signer.sign(b"words"), b"words")


def test_a_replaced_key_is_another_and_the_old_one_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    old = ensure_key(path)

    new = replace_key(path)

    assert new.key_id != old.key_id
    assert ensure_key(path).key_id == new.key_id
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def pem(key: Ed25519PrivateKey, protection: KeySerializationEncryption) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no private key in PEM"),
        (pem(Ed25519PrivateKey.generate(), BestAvailableEncryption(b"x")), "without a passphrase"),
        (
            generate_private_key(SECP256R1()).private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ),
            "not one of Ed25519",
        ),
    ],
    ids=["empty", "with a passphrase", "of another kind"],
)
def test_a_file_that_cannot_sign_is_a_sentence(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "signing.key"
    path.write_bytes(content)
    with pytest.raises(SigningKeyUnusable, match=reason):
        ensure_key(path)


def test_a_key_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SigningKeyUnusable, match=r"there is no such file; .* makes it"):
        Signer.read(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(SigningKeyUnusable):
        ensure_key(tmp_path / "file" / "signing.key")


def test_keys_are_listed_once_and_the_newest_first(sessions: Sessions) -> None:
    old, new = (Signer(Ed25519PrivateKey.generate()) for _ in range(2))
    for signer in (old, new, old):
        with sessions.writing() as session:
            list_key(session, signer)
    assert listed(sessions) == [new.key_id, old.key_id]


def test_bootstrap_makes_the_key_shows_it_and_replaces_it_when_told(sqlite_url: str, tmp_path: Path) -> None:
    sessions = connect(sqlite_url)
    key = tmp_path / "signing.key"

    for _ in range(2):
        done = bootstrap(sqlite_url, key, "--key-file", str(tmp_path / "admin.key"))
        assert done.returncode == 0, done.stderr
    first = Signer.read(key).key_id
    assert listed(sessions) == [first]

    assert bootstrap(sqlite_url, key, "--new-signing-key").returncode == 0
    assert listed(sessions) == [Signer.read(key).key_id, first]

    key.write_text("nonsense")
    broken = bootstrap(sqlite_url, key)
    assert broken.returncode != 0
    assert "the signing key" in broken.stderr
    assert "Traceback" not in broken.stderr
    assert bootstrap(sqlite_url, None, "--new-signing-key").returncode == 2
    sessions.dispose()
