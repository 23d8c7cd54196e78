"""Why a process that read an upload or a checkpoint never answered, in the words of its user."""

from datetime import timedelta

from distill.config.events import Failed

_HINT = "check that the file is what its name says, and save it again with a current version of its tool"


def damaged(kind: str, error: Exception) -> Failed:
    """The stored bytes are not those that were stored."""
    if kind == "promote":
        hint = "take another checkpoint of this job"
        return Failed(code="checkpoint_damaged", error_class="data", message=str(error), hint=hint)
    if kind == "export":
        return _export("student_damaged", str(error))
    return Failed(code="upload_damaged", error_class="infrastructure", message=str(error))


def crashed(kind: str) -> Failed:
    """It ended without a word: a file that its reader does not survive."""
    if kind == "plan":
        return _plan("plan_crashed", "planning this job broke off without a word")
    if kind == "promote":
        return _promotion("promotion_crashed", "the process that reads this checkpoint broke off")
    if kind == "export":
        return _export("export_crashed", "the process that makes this export broke off")
    return Failed(
        code="inspection_crashed",
        error_class="data",
        message="the process that reads this file broke off: the file is damaged, or no file of its kind",
        hint=_HINT,
    )


def took_too_long(kind: str, limit: timedelta) -> Failed:
    """It was still reading when its time was over."""
    seconds = f"{limit.total_seconds():.0f} s"
    if kind == "plan":
        return _plan("plan_timeout", f"planning this job took longer than {seconds}")
    if kind == "promote":
        return _promotion("promotion_timeout", f"reading this checkpoint took longer than {seconds}")
    if kind == "export":
        return _export("export_timeout", f"to make and to prove this export took longer than {seconds}")
    return Failed(
        code="inspection_timeout",
        error_class="data",
        message=f"reading this file took longer than the limit of {seconds}",
        hint="give a smaller file, or raise LIMBECK_INSPECT_TIMEOUT on the worker",
    )


def too_large(kind: str, limit_bytes: int) -> Failed:
    """It wanted more memory than a reader may have."""
    size = f"{limit_bytes / 2**30:.1f} GiB"
    if kind == "plan":
        return _plan("too_large_to_plan", f"planning this job needs more memory than {size}")
    if kind == "promote":  # it has no limit of its own
        return _promotion("too_large_to_promote", "reading this checkpoint needs more memory than there is")
    if kind == "export":
        return _export("too_large_to_export", "to make this export needs more memory than there is")
    return Failed(
        code="too_large_to_inspect",
        error_class="resource",
        message=f"reading this file needs more memory than the limit of {size}",
        hint="give a smaller file, or raise LIMBECK_INSPECT_MEMORY_BYTES on the worker",
    )


def _promotion(code: str, message: str) -> Failed:
    hint = "take another checkpoint, or look at the log of the worker for chores"
    return Failed(code=code, error_class="internal", message=message, hint=hint)


def _export(code: str, message: str) -> Failed:
    hint = "list the format among the exports of a job, or look at the log of the worker for chores"
    return Failed(code=code, error_class="internal", message=message, hint=hint)


def _plan(code: str, message: str) -> Failed:
    return Failed(code=code, error_class="internal", message=message, hint="submit the job without a dry run")
