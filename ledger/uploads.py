"""The files that users name their bytes by."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger.blobs import refer, release
from ledger.errors import InUse, NotFound
from ledger.identifiers import new_id
from ledger.tables import Dataset, File, Model


def add_file(
    session: Session, *, project_id: str, filename: str, purpose: str, sha256: str, size: int
) -> File:
    """A name for bytes that `blobs.keep` has put into the store.

    Raises:
        BlobDoomed: the bytes must be kept again first.
    """
    file = File(
        id=new_id("file_"),
        project_id=project_id,
        filename=filename,
        purpose=purpose,
        sha256=sha256,
        bytes=size,
    )
    refer(session, file.id, [sha256])
    session.add(file)
    session.flush()
    return file


def delete_file(session: Session, project_id: str, file_id: str) -> None:
    """Forget the name; the bytes go once nothing else needs them.

    Raises:
        NotFound: the project has no such file.
        InUse: models or datasets were made from it; `users` are their ids.
    """
    file = session.scalars(
        select(File).where(File.project_id == project_id, File.id == file_id).with_for_update()
    ).one_or_none()
    if file is None:
        raise NotFound("file", file_id)
    users = [
        user
        for table in (Model, Dataset)
        for user in session.scalars(select(table.id).where(table.file_id == file.id).order_by(table.id))
    ]
    if users:
        raise InUse(f"this file is used by {', '.join(users[:10])}; delete those first", users)
    release(session, file.id)
    session.delete(file)
    session.flush()
