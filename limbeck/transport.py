"""Requests that try again: one way to the service, with back-off and idempotency keys.

Every POST carries an `Idempotency-Key` of the client's own making, so that a request whose answer
was lost can be sent again without doing the work twice.
"""

import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from limbeck.errors import LimbeckError, Problem, Unreachable, refusal

FIRST_CONTACT_S = 10.0
ANSWER_S = 60.0
"""How long one answer may take; a waiting request adds the seconds that it asked for."""

_BUSY = frozenset({429, 500, 502, 503, 504})
_NOT_AN_ERROR = frozenset({304, 416})
_LONGEST_PAUSE_S = 5.0

Body = Callable[[], Iterator[bytes]]
"""Makes the bytes of a streamed body, from the start, for each try."""


class Transport:
    """Sends a request until it is answered, or until there is no more time to try."""

    def __init__(
        self, url: str, api_key: str | None, *, retry_for: float, transport: httpx.BaseTransport | None
    ) -> None:
        self.url = url.rstrip("/")
        self.retry_for = retry_for
        self._contacted = False
        headers = {"User-Agent": "limbeck"}
        if api_key:
            if not re.fullmatch(r"[!-~]+", api_key):
                raise LimbeckError("the API key holds characters that no key has; copy it anew")
            headers["Authorization"] = f"Bearer {api_key}"
        try:
            self._http = httpx.Client(base_url=self.url, headers=headers, transport=transport)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise LimbeckError(f"'{url}' is no address of a service: {error}") from None

    def close(self) -> None:
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        waits: float = 0.0,
        retry_for: float | None = None,
    ) -> httpx.Response:
        """The answer, read in full.

        `waits`: seconds that the service was asked to hold the request.
        `retry_for`: seconds to go on trying, where it differs from the client's.

        Raises: Refused, Unreachable.
        """
        sent = dict(headers or {})
        if method == "POST":
            sent.setdefault("Idempotency-Key", secrets.token_urlsafe(24))

        def send() -> httpx.Response:
            return self._http.request(
                method,
                path,
                params=_given(params),
                json=json,
                content=body() if body else None,
                headers=sent,
                timeout=_timeout(ANSWER_S + waits),
            )

        return self._answer(send, self.retry_for if retry_for is None else retry_for)

    @contextmanager
    def stream(
        self, path: str, *, headers: Mapping[str, str] | None = None, silence: float = ANSWER_S
    ) -> Iterator[httpx.Response]:
        """An answer whose body is still to be read; getting it is tried again, reading it is not.

        `silence`: seconds without a byte after which the connection counts as lost.
        """
        request = self._http.build_request("GET", path, headers=headers, timeout=_timeout(silence))

        def send() -> httpx.Response:
            response = self._http.send(request, stream=True)
            if not response.is_success:
                response.read()
            return response

        response = self._answer(send, self.retry_for)
        try:
            yield response
        finally:
            response.close()

    def _answer(self, send: Callable[[], httpx.Response], retry_for: float) -> httpx.Response:
        self._make_contact()
        deadline = time.monotonic() + retry_for
        pause = 0.2
        while True:
            at_least = 0.0
            complaint: LimbeckError
            try:
                response = send()
            except httpx.TransportError as error:
                complaint = self._lost(error)
            else:
                if response.is_success or response.status_code in _NOT_AN_ERROR:
                    return response
                complaint = self._complaint(response)
                if not _worth_another_try(response):
                    raise complaint
                at_least = _seconds(response.headers.get("Retry-After"))
            delay = max(pause * _jitter(), at_least)
            if time.monotonic() + delay > deadline:
                raise complaint
            time.sleep(delay)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def _make_contact(self) -> None:
        """Wait for the first sign of life, which is given ten seconds and no more."""
        deadline = time.monotonic() + FIRST_CONTACT_S
        while not self._contacted:
            complaint = self._knock(deadline - time.monotonic())
            self._contacted = complaint is None
            if complaint is not None:
                if deadline - time.monotonic() < 0.5:
                    raise complaint
                time.sleep(0.25)

    def _knock(self, patience: float) -> LimbeckError | None:
        """What is wrong for now; None where a service of ours answers."""
        try:
            answer = self._http.get("/healthz", timeout=patience)
        except httpx.UnsupportedProtocol as error:
            raise LimbeckError(f"'{self.url}' is no address of a service: {error}") from None
        except httpx.TransportError as error:
            return self._lost(error)
        if answer.status_code in _BUSY:
            return self._complaint(answer)
        if _json(answer) != {"status": "ok"}:
            raise LimbeckError(f"what answers at {self.url} is no Limbeck service; check LIMBECK_URL")
        return None

    def _complaint(self, response: httpx.Response) -> LimbeckError:
        problem = Problem.of(response.status_code, _json(response), response.headers.get("X-Request-ID"))
        if problem.status >= 500:
            return Unreachable(f"{self.url} answers {problem.status}: {problem.detail}")
        return refusal(problem)

    def _lost(self, error: httpx.TransportError) -> Unreachable:
        return Unreachable(f"no answer from {self.url}: {str(error) or type(error).__name__}")


def _worth_another_try(response: httpx.Response) -> bool:
    """The service is busy, or an earlier try with the same idempotency key is still being served."""
    in_flight = response.status_code == 409 and "Retry-After" in response.headers
    return response.status_code in _BUSY or in_flight


def _timeout(answer: float) -> httpx.Timeout:
    return httpx.Timeout(ANSWER_S, read=answer, connect=FIRST_CONTACT_S)


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.isdigit() else 0.0


def _given(params: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return {name: value for name, value in params.items() if value is not None} if params else None


def _jitter() -> float:
    """Between a half and one, so that many clients do not come back together."""
    return 0.5 + secrets.randbelow(500) / 1000
