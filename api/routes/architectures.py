"""What can be built."""

from inspect import getdoc

from api.dependencies import PagingDep
from api.routes.guarded import guarded_router
from api.schemas.models import ArchitectureRead
from api.schemas.shared import Page
from distill.config.architectures import ARCHITECTURES

router = guarded_router("/v1/architectures", "architectures")


@router.get("")
def list_architectures(paging: PagingDep) -> Page[ArchitectureRead]:
    """What a student, or a teacher that the job trains, can be; each with its parameters as JSON schema."""
    architectures = [
        ArchitectureRead(
            name=name, description=getdoc(parameters) or "", config_schema=parameters.model_json_schema()
        )
        for name, parameters in ARCHITECTURES.items()
    ]
    return paging.of(architectures, lambda architecture: architecture.name)
