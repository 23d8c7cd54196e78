"""Datasets, and the splits that they were dealt into."""

from typing import Annotated, Any

from fastapi import Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from api import downloads
from api.bodies import checked, takes
from api.dependencies import CallerDep, House, HouseDep, PagingDep
from api.downloads import Download
from api.once import OnceDep
from api.openapi import problems
from api.problems import Problem
from api.references import Reference, one_version
from api.routes.guarded import guarded_router
from api.schemas.datasets import DatasetRead, DatasetToRegister
from api.schemas.inputs import Status
from api.schemas.shared import Page
from api.views import show_dataset
from api.waiting import WaitSeconds, held
from distill.config.networks import SplitName
from ledger import catalog, queries
from ledger.errors import InputsNotReady, NotFound
from ledger.states import InputStatus, Lane
from ledger.tables import Dataset

router = guarded_router("/v1/datasets", "datasets")

_PARQUET = "application/vnd.apache.parquet"


@router.post("", status_code=201, openapi_extra=takes(DatasetToRegister), responses=problems(409))
def register_dataset(
    once: OnceDep,
    body: Annotated[DatasetToRegister, Depends(checked(DatasetToRegister))],
    house: HouseDep,
    caller: CallerDep,
    response: Response,
) -> DatasetRead:
    """Register an uploaded or built-in dataset. It is `inspecting` at first, then `ready` or `rejected`."""
    with house.sessions.writing() as session:
        dataset = catalog.register_dataset(
            session, project_id=caller.project_id, declared=body.declared(), file_id=body.file_id
        )
        answer = show_dataset(dataset)
        location = {"Location": f"/v1/datasets/{dataset.id}"}
        once.keep(session, 201, answer, location)
    house.doorbell.ring(Lane.CHORES)
    response.headers.update(location)
    return answer


@router.get("")
def list_datasets(
    house: HouseDep,
    caller: CallerDep,
    paging: PagingDep,
    status: Status | None = None,
    name: str | None = None,
) -> Page[DatasetRead]:
    """The project's datasets, newest first."""
    with house.sessions.reading() as session:
        page = queries.list_datasets(
            session,
            caller.project_id,
            limit=paging.limit,
            after=paging.after_id("dst_"),
            status=status,
            name=name,
        )
    return Page(data=[show_dataset(dataset) for dataset in page.items], has_more=page.has_more)


@router.get("/{dataset_id}", responses=problems(404))
async def get_dataset(
    dataset_id: Reference, house: HouseDep, caller: CallerDep, wait: WaitSeconds = 0
) -> DatasetRead:
    """One version. By name it is the newest that is ready, else the newest.

    `wait` holds the answer while the dataset is `inspecting`.
    """

    def look() -> tuple[DatasetRead, str, str]:
        with house.sessions.reading() as session:
            found = queries.find_dataset(session, caller.project_id, dataset_id)
        return show_dataset(found), found.id, found.status

    return await held(house.watch, look, while_=[InputStatus.INSPECTING], at_most_s=wait)


@router.get("/{dataset_id}/preview", responses=problems(404, 409))
def preview_dataset(dataset_id: Reference, house: HouseDep, caller: CallerDep) -> Page[dict[str, Any]]:
    """A few examples of train that show what labels there are, as the inspection read them."""
    return Page(data=_ready(house, caller.project_id, dataset_id).preview or [], has_more=False)


@router.head(
    "/{dataset_id}/splits/{split}/content",
    response_class=Response,
    responses=downloads.HEAD_RESPONSES | problems(404, 409),
)
@router.get(
    "/{dataset_id}/splits/{split}/content",
    response_class=Response,
    responses=downloads.responses(_PARQUET) | problems(404, 409, 416),
)
async def download_split(
    dataset_id: Reference, split: SplitName, request: Request, house: HouseDep, caller: CallerDep
) -> Response:
    """A split as parquet: `row`, `content_hash`, `label`, and `image`, `features`, `text` or `words`.

    `label` is the index of a class, a list of the indices of those labels that hold, a list of one index
    for each word, a number or a list of numbers; null where there is none.
    """

    def find() -> Download:
        dataset = _ready(house, caller.project_id, dataset_id)
        table = (dataset.tables or {}).get(split)
        if table is None:
            raise NotFound("split", split)
        filename = f"{dataset.name}-v{dataset.version}-{split}.parquet"
        return Download(table["sha256"], table["bytes"], filename, _PARQUET)

    return await downloads.send(request, house.store, await run_in_threadpool(find))


@router.delete("/{dataset_id}", status_code=204, responses=problems(404, 409))
def delete_dataset(dataset_id: str, house: HouseDep, caller: CallerDep) -> None:
    """Forget a version. One that a job names stays: 409 names the jobs."""
    with house.sessions.writing() as session:
        catalog.delete_dataset(session, caller.project_id, one_version(dataset_id, "dst_"))


def _ready(house: House, project_id: str, reference: str) -> Dataset:
    """
    Raises:
        NotFound: the project has no such dataset.
        InputsNotReady: it is still being inspected.
        Problem: 409, it was rejected.
    """
    with house.sessions.reading() as session:
        dataset = queries.find_dataset(session, project_id, reference)
    if dataset.status == InputStatus.INSPECTING:
        raise InputsNotReady([dataset.id])
    if dataset.problem is not None:
        raise Problem(409, "input_rejected", f"The dataset was rejected: {dataset.problem['message']}.")
    return dataset
