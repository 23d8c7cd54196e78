"""The router of everything that needs a key."""

from fastapi import APIRouter, Depends

from api.auth import authenticated
from api.dependencies import known_parameters_only


def guarded_router(prefix: str, tag: str) -> APIRouter:
    """Routes under `prefix` that answer 401 before they look at anything else."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        dependencies=[Depends(authenticated), Depends(known_parameters_only)],
    )
