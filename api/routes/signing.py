"""By which key the service signs the manifests of its jobs."""

from datetime import UTC, datetime

from api.dependencies import HouseDep
from api.openapi import problems
from api.problems import Problem
from api.routes.guarded import guarded_router
from api.schemas.operations import SigningKeyRead, SigningKeysRead
from ledger.signing import listed_keys
from ledger.tables import SigningKey

router = guarded_router("/v1", "operations")


@router.get("/signing-key", responses=problems(404))
def show_signing_key(house: HouseDep) -> SigningKeysRead:
    """The public key that signs now, and in `keys` every one that ever signed, newest first.

    Raises:
        Problem: 404, nothing is signed here.
    """
    with house.sessions.reading() as session:
        keys = [_shown(key) for key in listed_keys(session)]
    if not keys:
        raise Problem(
            404,
            "no_signing_key",
            "This service signs nothing: whoever runs it has not set LIMBECK_SIGNING_KEY.",
        )
    return SigningKeysRead(**keys[0].model_dump(), keys=keys)


def _shown(key: SigningKey) -> SigningKeyRead:
    return SigningKeyRead(
        key_id=key.id, public_key=key.public_key, created_at=datetime.fromtimestamp(key.created_at, UTC)
    )
