"""The manifest of what a job made, signed here: the training process never sees the key."""

from collections.abc import Sequence

from distill.config.events import Finished
from ledger.lifecycle import Hold, KeptArtifact
from ledger.manifest import MANIFEST, SIGNATURE, manifest
from ledger.signing import Signer, list_key, listed_keys
from worker.place import Place


def signed(
    place: Place, hold: Hold, finished: Finished, artifacts: Sequence[KeptArtifact]
) -> dict[str, bytes]:
    """Manifest and signature by their file names; nothing where the operator set no key.

    `artifacts` are those of this attempt, their bytes kept.

    Raises:
        SigningKeyUnusable: the key was taken away or damaged since the worker started.
        DatabaseBusy: what the manifest tells could not be read.
    """
    if place.settings.signing_key is None:
        return {}
    signer = Signer.read(place.settings.signing_key)
    with place.sessions.reading() as session:
        content = manifest(session, hold.id, finished=finished, artifacts=artifacts, key_id=signer.key_id)
        is_listed = signer.key_id in [key.id for key in listed_keys(session)]
    if not is_listed:  # before anybody has what it signed
        with place.sessions.writing() as session:
            list_key(session, signer)
    return {MANIFEST: content, SIGNATURE: signer.sign(content)}
