"""The public key that signs, and those that did."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.testclient import TestClient

from ledger.database import Sessions
from ledger.signing import Signer, list_key


def a_listed_key(sessions: Sessions) -> Signer:
    signer = Signer(Ed25519PrivateKey.generate())
    with sessions.writing() as session:
        list_key(session, signer)
    return signer


def test_where_nothing_is_signed_that_is_said(client: TestClient):
    answer = client.get("/v1/signing-key")

    assert answer.status_code == 404
    assert answer.json()["code"] == "no_signing_key"
    assert "LIMBECK_SIGNING_KEY" in answer.json()["detail"]


def test_the_newest_key_signs_and_all_before_it_stay_listed(client: TestClient, sessions: Sessions):
    old = a_listed_key(sessions)
    new = a_listed_key(sessions)

    shown = client.get("/v1/signing-key").json()

    assert (shown["key_id"], shown["public_key"]) == (new.key_id, new.public_key)
    assert shown["algorithm"] == "Ed25519"
    assert [key["key_id"] for key in shown["keys"]] == [new.key_id, old.key_id]
    assert "PRIVATE" not in str(shown)
