"""`python -m worker --lanes cpu,gpu [--concurrency N]`: a Celery worker for these lanes.

Chores have a worker of their own (`--lanes chores`), so that nothing short waits behind hours.
"""

import argparse
import secrets
import socket
import sys
from pathlib import Path

from ledger.errors import SigningKeyUnusable
from ledger.logs import configure
from ledger.settings import Settings
from ledger.signing import Signer
from ledger.states import Lane
from worker import leftovers
from worker.app import arguments, create_app
from worker.crew import Crew
from worker.sandbox import Sandbox, SandboxUnavailable, detect, in_sight


def main() -> None:
    """Clear what an earlier worker left, then wait for the doorbell until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m worker", description=__doc__)
    parser.add_argument("--lanes", default="cpu", help="comma-separated: cpu, gpu, or chores alone")
    parser.add_argument("--concurrency", type=int, help="jobs side by side (LIMBECK_CONCURRENCY)")
    asked = parser.parse_args()
    try:
        crew = muster(Settings(), lanes=asked.lanes, concurrency=asked.concurrency)
    except (ValueError, SandboxUnavailable, SigningKeyUnusable) as problem:
        sys.exit(f"{parser.prog}: {problem}")
    configure(crew.settings.log_format)
    leftovers.sweep(crew.settings.work_dir)
    create_app(crew).worker_main(list(arguments(crew)))


def muster(settings: Settings, *, lanes: str, concurrency: int | None) -> Crew:
    """The crew that the command line and the settings ask for.

    Raises:
        ValueError: lanes that do not exist, or do not go together; a GPU lane without a GPU.
        SandboxUnavailable: bubblewrap was insisted on and does not work.
        SigningKeyUnusable: what this worker's jobs make could not be signed.
    """
    served = _lanes(lanes)
    if not settings.devices:  # without a GPU it would only keep rings from those that have one
        served = tuple(lane for lane in served if lane is not Lane.GPU)
    if not served:
        raise ValueError("a worker for the lane gpu alone needs LIMBECK_DEVICES, such as '[\"0\"]'")
    slots = concurrency or (len(settings.devices) if served == (Lane.GPU,) else settings.concurrency)
    if slots < 1:
        raise ValueError("--concurrency must be at least 1")
    host = socket.gethostname()[:60]
    name = f"{'-'.join(served)}-{secrets.token_hex(4)}@{host}"
    sandbox = detect(settings.sandbox)
    if settings.signing_key is not None and Lane.CHORES not in served:
        _require_good_key(settings.signing_key, sandbox)
    return Crew(settings.model_copy(update={"concurrency": slots}), name, served, sandbox)


def _require_good_key(path: Path, sandbox: Sandbox) -> None:
    """It can sign, and lies where no training process sees it, if they are fenced in at all."""
    Signer.read(path)
    if sandbox.kind == "bubblewrap" and in_sight(path):
        raise SigningKeyUnusable(path, "training processes can read that folder; move it elsewhere")


def _lanes(text: str) -> tuple[Lane, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in list(Lane)]
    if unknown or not names:
        raise ValueError(f"there is no lane {text!r}; lanes are cpu, gpu and chores")
    lanes = tuple(dict.fromkeys(Lane(name) for name in names))
    if Lane.CHORES in lanes and len(lanes) > 1:
        raise ValueError("chores need a worker of their own: start a second one with --lanes chores")
    return lanes


if __name__ == "__main__":
    main()
