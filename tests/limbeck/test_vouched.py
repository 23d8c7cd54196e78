"""Keys that a service showed, remembered between one pull and the next."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ledger.signing import Signer
from limbeck import vouched
from limbeck.errors import LimbeckError

URL = "http://127.0.0.1:7077"


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "limbeck" / "signing-keys"


def shown(*signers: Signer) -> list[dict[str, Any]]:
    """As `GET /v1/signing-key` lists them."""
    return [{"key_id": signer.key_id, "public_key": signer.public_key} for signer in signers]


def a_signer() -> Signer:
    return Signer(Ed25519PrivateKey.generate())


def ids() -> set[str]:
    return {key.id for key in vouched.remembered()}


def test_nothing_is_remembered_before_the_first_pull() -> None:
    assert vouched.remembered() == []


def test_the_first_key_is_remembered_with_who_showed_it(config: Path) -> None:
    signer = a_signer()

    assert vouched.remember(URL, shown(signer)) == [f"remembered the signing key {signer.key_id} of {URL}"]
    assert vouched.remember(URL, shown(signer)) == []

    (key,) = vouched.remembered()
    assert key.id == signer.key_id
    assert key.by.startswith(f"{URL} since 20")
    assert [path.name for path in config.iterdir()] == ["http-127.0.0.1-7077.json"]


def test_a_new_key_beside_a_known_one_is_a_rotation_and_the_old_one_stays() -> None:
    old, new = a_signer(), a_signer()
    vouched.remember(URL, shown(old))

    assert len(vouched.remember(URL, shown(new, old))) == 1
    assert ids() == {old.key_id, new.key_id}


def test_other_keys_altogether_are_not_believed(config: Path) -> None:
    old, new = a_signer(), a_signer()
    vouched.remember(URL, shown(old))

    (warning,) = vouched.remember(URL, shown(new))

    assert "shows other signing keys than it did before" in warning
    assert str(config / "http-127.0.0.1-7077.json") in warning
    assert ids() == {old.key_id}


def test_services_do_not_answer_for_each_other() -> None:
    one, other = a_signer(), a_signer()
    vouched.remember(URL, shown(one))
    assert len(vouched.remember("https://limbeck.example/a", shown(other))) == 1
    assert ids() == {one.key_id, other.key_id}


def test_a_key_is_known_by_its_bytes_and_not_by_what_a_service_calls_it() -> None:
    old, new = a_signer(), a_signer()
    vouched.remember(URL, shown(old))
    (lie,) = shown(new)
    assert "other signing keys" in vouched.remember(URL, [{**lie, "key_id": old.key_id}])[0]


@pytest.mark.parametrize("content", ["", "[]", '{"keys": [{}]}'])
def test_a_damaged_memory_is_a_sentence(config: Path, content: str) -> None:
    vouched.remember(URL, shown(a_signer()))
    (path,) = config.iterdir()
    path.write_text(content)
    with pytest.raises(LimbeckError, match="is damaged; delete it"):
        vouched.remembered()


def test_a_file_that_holds_no_key_of_ours_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text(json.dumps({"public_key": "..."}))
    with pytest.raises(LimbeckError, match="no public key in PEM"):
        vouched.of_file(path)
    other = generate_private_key(SECP256R1()).public_key()
    path.write_bytes(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(LimbeckError, match="another kind than Ed25519"):
        vouched.of_file(path)
