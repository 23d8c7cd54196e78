"""`python -P -m distill run|inspect|plan|promote|export FOLDER`: one request, its events, an exit code."""

import errno
import sys
import traceback
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

from distill.channel import Events, StopAsked, StopLine
from distill.config.events import Failed, Stopped
from distill.config.folder import (
    REQUEST,
    Exit,
    ExportStudent,
    InspectDataset,
    InspectModel,
    PlanJob,
    PromoteCheckpoint,
    Request,
    RunJob,
)
from distill.rejection import Rejected

USAGE = "usage: python -P -m distill run|inspect|plan|promote|export FOLDER"
COMMANDS = {
    "run": (RunJob,),
    "inspect": (InspectModel, InspectDataset),
    "plan": (PlanJob,),
    "promote": (PromoteCheckpoint,),
    "export": (ExportStudent,),
}


def main(arguments: list[str]) -> int:
    """Do what the request in the folder asks, and return the exit code."""
    if len(arguments) != 2 or arguments[0] not in COMMANDS:
        return _misused(USAGE)
    command, folder = arguments[0], Path(arguments[1]).absolute()
    try:
        request: Request = TypeAdapter(Request).validate_json((folder / REQUEST).read_bytes())
    except OSError as error:
        return _misused(f"{folder / REQUEST} cannot be read: {error.strerror}")
    except ValidationError as error:
        return _misused(f"{folder / REQUEST} is no request: {error}")
    if not isinstance(request, COMMANDS[command]):
        return _misused(f"{folder / REQUEST} asks for '{request.command}', not for '{command}'")

    _log_to_standard_error()
    events, stop = Events(), StopLine()
    (folder / "out").mkdir(exist_ok=True)
    try:
        _serve(request, folder, events, stop)
    except StopAsked as asked:
        events.send(Stopped(wish=asked.wish))
        return Exit.STOPPED
    except Rejected as rejected:
        events.send(rejected.event())
        return Exit.FAILED
    except Exception as error:
        traceback.print_exc()
        code, event = _ending(error)
        events.send(event)
        return code
    return Exit.DONE


def _log_to_standard_error() -> None:
    """One line of `key=value` a log event, where the supervisor keeps it for the user."""
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.add_log_level,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def _serve(request: Request, folder: Path, events: Events, stop: StopLine) -> None:
    """Each request imports what it needs and no more, so that it starts soon."""
    if isinstance(request, RunJob):
        import torch

        from distill.recipe import run_job

        torch.set_num_threads(request.threads)
        run_job(request, folder, events, stop)
    elif isinstance(request, InspectModel):
        from distill.inspect.model import inspect_model

        inspect_model(request, folder, events)
    elif isinstance(request, InspectDataset):
        from distill.inspect.dataset import inspect_dataset

        inspect_dataset(request, folder, events)
    elif isinstance(request, PlanJob):
        from distill.plan import plan

        plan(request, folder, events)
    elif isinstance(request, PromoteCheckpoint):
        from distill.promotion import promote

        promote(request, folder, events)
    else:
        import torch

        from distill.late_export import export_student

        torch.set_num_threads(request.threads)
        export_student(request, folder, events)


def _ending(error: Exception) -> tuple[int, Failed]:
    """The exit code and the last event of an error that nobody foresaw."""
    said = str(error)
    if type(error).__name__ == "OutOfMemoryError":  # torch's, which not every request has imported
        return Exit.CUDA_OUT_OF_MEMORY, _resource(
            "gpu_memory", "the GPU's memory did not suffice", "make the batch or the networks smaller"
        )
    if isinstance(error, MemoryError) or "can't allocate memory" in said:
        return Exit.FAILED, _resource(
            "memory", "the machine's memory did not suffice", "make the batch or the networks smaller"
        )
    if getattr(error, "errno", None) == errno.ENOSPC or "No space left on device" in said:
        return Exit.DISK_FULL, Failed(
            code="disk_full",
            error_class="infrastructure",
            message="the disk of the worker is full",
            hint="free room in the worker's LIMBECK_WORK_DIR, then retry",
            retryable=True,
        )
    return Exit.INTERNAL, Failed(
        code="internal",
        error_class="internal",
        message=f"the training process met an error that it did not foresee: {type(error).__name__}",
        hint="the job's log has the traceback: please report it",
    )


def _resource(code: str, message: str, hint: str) -> Failed:
    return Failed(code=code, error_class="resource", message=message, hint=hint)


def _misused(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return Exit.USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
