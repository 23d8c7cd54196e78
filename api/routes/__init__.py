"""All routes, a file for each noun."""

from api.routes import (
    architectures,
    artifacts,
    checkpoints,
    datasets,
    events,
    exports,
    files,
    health,
    job_actions,
    jobs,
    measurements,
    models,
    operations,
    registry,
    reports,
    signing,
)

ROUTERS = (
    health.router,
    files.router,
    models.router,
    registry.router,
    exports.router,
    datasets.router,
    architectures.router,
    jobs.router,
    job_actions.router,
    events.router,
    measurements.router,
    checkpoints.router,
    artifacts.router,
    reports.router,
    operations.router,
    signing.router,
)
