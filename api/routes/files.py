"""Files: bytes that came in, each under an id of its own."""

from typing import Annotated

from fastapi import Query, Request, Response
from starlette.concurrency import run_in_threadpool

from api import downloads
from api.dependencies import CallerDep, House, HouseDep, PagingDep
from api.downloads import Download
from api.once import Once, StreamedOnceDep
from api.openapi import problems
from api.receiving import Received, received
from api.routes.guarded import guarded_router
from api.schemas.inputs import FileRead, Purpose
from api.schemas.shared import Page
from distill.config.names import Spelling
from ledger import blobs, queries, uploads

router = guarded_router("/v1/files", "files")

Filename = Annotated[
    str,
    Spelling(
        r"^[^/\\\x00-\x1f\x7f]{1,255}$",
        code="filename_invalid",
        rule="a file name has 1 to 255 characters, without slashes and control characters",
    ),
    Query(description="A plain file name, without folders."),
]
_RAW_BODY = {
    "requestBody": {
        "required": True,
        "description": "The bytes as they are, streamed. `Content-Digest` and `Repr-Digest` are checked.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("", status_code=201, openapi_extra=_RAW_BODY, responses=problems(408, 409, 507))
async def upload_file(
    request: Request,
    house: HouseDep,
    caller: CallerDep,
    once: StreamedOnceDep,
    response: Response,
    filename: Filename = "upload",
    purpose: Purpose = "other",
) -> FileRead:
    """Upload a file: its raw bytes are the body, of any size, received and hashed in full."""
    async with received(request, folder=house.uploads, at_most=house.settings.max_upload_bytes) as body:
        once.body_is(body.sha256)
        file = await run_in_threadpool(_store, house, caller.project_id, filename, purpose, body, once)
    response.headers.update(_location(file))
    return file


def _location(file: FileRead) -> dict[str, str]:
    return {"Location": f"/v1/files/{file.id}"}


def _store(
    house: House, project_id: str, filename: str, purpose: Purpose, body: Received, once: Once
) -> FileRead:
    blobs.keep(house.sessions, house.store, path=body.path, sha256=body.sha256, size=body.bytes)
    with house.sessions.writing() as session:
        file = uploads.add_file(
            session,
            project_id=project_id,
            filename=filename,
            purpose=purpose,
            sha256=body.sha256,
            size=body.bytes,
        )
        answer = FileRead.model_validate(file)
        once.keep(session, 201, answer, _location(answer))
    return answer


@router.get("")
def list_files(
    house: HouseDep, caller: CallerDep, paging: PagingDep, purpose: Purpose | None = None
) -> Page[FileRead]:
    """The project's files, newest first."""
    with house.sessions.reading() as session:
        page = queries.list_files(
            session, caller.project_id, limit=paging.limit, after=paging.after_id("file_"), purpose=purpose
        )
    return Page(data=[FileRead.model_validate(file) for file in page.items], has_more=page.has_more)


@router.get("/{file_id}", responses=problems(404))
def get_file(file_id: str, house: HouseDep, caller: CallerDep) -> FileRead:
    """One file."""
    with house.sessions.reading() as session:
        return FileRead.model_validate(queries.get_file(session, caller.project_id, file_id))


@router.head(
    "/{file_id}/content", response_class=Response, responses=downloads.HEAD_RESPONSES | problems(404)
)
@router.get(
    "/{file_id}/content",
    response_class=Response,
    responses=downloads.responses("application/octet-stream") | problems(404, 416),
)
async def download_file(file_id: str, request: Request, house: HouseDep, caller: CallerDep) -> Response:
    """The bytes, whole or a range of them."""
    file = await run_in_threadpool(get_file, file_id, house, caller)
    return await downloads.send(request, house.store, Download(file.sha256, file.bytes, file.filename))


@router.delete("/{file_id}", status_code=204, responses=problems(404, 409))
def delete_file(file_id: str, house: HouseDep, caller: CallerDep) -> None:
    """Forget a file. One that a model or a dataset was made from stays: 409 names them."""
    with house.sessions.writing() as session:
        uploads.delete_file(session, caller.project_id, file_id)
