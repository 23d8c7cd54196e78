"""How the science says no: what is true, and what to do about it."""

from typing import Any

from distill.config.events import ErrorClass, Failed


class Rejected(Exception):
    """An input cannot be used, and would not be usable a second time.

    `message` says what is true, `hint` what to do; `details` holds keys, shapes or a `pointer` into
    the job document.
    """

    def __init__(
        self,
        code: str,
        error_class: ErrorClass,
        message: str,
        hint: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.error_class: ErrorClass = error_class
        self.message = message
        self.hint = hint
        self.details = details or {}

    def with_word(self, word: str | None) -> "Rejected":
        """The same, with one thing more to know before its user does something about it."""
        hint = "; ".join(part for part in (self.hint, word) if part)
        return Rejected(self.code, self.error_class, self.message, hint or None, self.details)

    def event(self) -> Failed:
        """The last event of the process that met this input."""
        return Failed(
            code=self.code,
            error_class=self.error_class,
            message=self.message,
            hint=self.hint,
            details=self.details,
        )
