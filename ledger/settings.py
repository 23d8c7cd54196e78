"""Everything that an operator may turn, read once at the edge from `LIMBECK_*`."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Passed down as plain values; `distill` never sees it."""

    model_config = SettingsConfigDict(env_prefix="LIMBECK_", frozen=True)

    database_url: str
    """`sqlite:////path/limbeck.db` or `postgresql+psycopg://...`."""
    broker_url: str
    """`redis://host:6379/0`, or `redis+socket:///path/broker.sock`."""
    store_url: str
    """Where blobs live: `file:///path` or `s3://bucket/prefix`."""
    store_options: dict[str, str] = {}
    """For S3: `endpoint`, `access_key_id`, `secret_access_key`, `region`."""
    work_dir: Path
    """Where a worker stages jobs and keeps inputs, and the API receives uploads. Local to the machine."""
    cache_bytes: int = 20 * 2**30
    """How much of `work_dir` inputs may fill that no job needs now."""

    lease: timedelta = timedelta(seconds=60)
    """A running job whose lease is over is given to another worker."""
    renew_every: timedelta = timedelta(seconds=15)
    """How often a running job renews its lease."""
    give_up_after: timedelta = timedelta(seconds=45)
    """A supervisor that could not renew for so long kills its own child."""
    flush_every: timedelta = timedelta(seconds=1)
    """How often what a child reports is written to the database."""
    stop_grace: timedelta = timedelta(seconds=20)
    """How long a child may take to write its checkpoint after a stop line."""
    stalled_after: timedelta = timedelta(minutes=30)
    """A job whose process tells nothing and logs nothing for so long fails with class `timeout`."""
    sweep_every: timedelta = timedelta(seconds=10)
    """How often leases that are over are looked for."""
    retry_delay: timedelta = timedelta(seconds=10)
    """Before the second retry after a crash; doubled each time. The first is at once."""

    keep_events: timedelta = timedelta(days=90)
    """How long the events of a job are kept after its end; the last one stays."""
    keep_metrics: timedelta = timedelta(days=365)
    """How long its figures are kept; the artifact `metrics.parquet` has all of them, and stays."""
    keep_logs: timedelta = timedelta(days=90)
    """How long the logs of its attempts are kept; the artifacts `log.txt` stay."""
    keep_checkpoints: timedelta = timedelta(days=30)
    """How long its checkpoints are kept. A retry after that begins anew."""

    concurrency: int = Field(1, ge=1)
    """Jobs that one Celery worker runs side by side."""
    devices: list[str] = []
    """The GPUs that this worker owns, as `CUDA_VISIBLE_DEVICES` spells them; one child each."""
    threads: int | None = None
    """Compute threads of a training process; by default cores / concurrency."""
    sandbox: str = "auto"
    """`auto`: bubblewrap where it works, else limits alone; `bubblewrap` or `limits` insist."""
    job_memory_bytes: int | None = None
    """The memory that one job may plan with; by default that of the machine."""
    inspect_memory_bytes: int = 4 * 2**30
    """The address space of the process that reads an upload."""
    inspect_timeout: timedelta = timedelta(minutes=5)
    """How long reading an upload may take."""

    max_upload_bytes: int = 50 * 2**30
    """The largest file that is received."""
    max_body_bytes: int = 2 * 2**20
    """The largest JSON body that is received."""
    signing_key: Path | None = None
    """The PEM file (Ed25519, PKCS8, mode 600) with which workers sign manifests; `ledger.bootstrap` makes it
    where it is not there. Without this setting jobs get no manifest."""
    bootstrap_key_file: Path | None = None
    """Where the first key is written (mode 600)."""
    log_format: str = "json"
    """`json` for machines; anything else for people."""
