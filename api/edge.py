"""The outermost layer: every request has an id, is counted, and never ends in a stack trace."""

import re
import time
from collections.abc import Callable
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import UNEXPECTED, Problem, describe, respond

log = structlog.get_logger()

_SPELLING = re.compile(r"[A-Za-z0-9._:-]{1,128}")

Observe = Callable[[str, str, int, float], None]
"""(method, route, status, seconds) of an answered request."""


class Edge:
    """Pure ASGI, because streams must pass through it untouched."""

    def __init__(self, app: ASGIApp, observe: Observe) -> None:
        self.app = app
        self.observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        began = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                _refuse_nul(scope)
                await self.app(scope, receive, send_with_id)
            except ClientDisconnect:
                log.info("client_gone", method=scope["method"], path=scope["path"])
            except Exception as error:
                problem = describe(error)
                if problem is UNEXPECTED:
                    log.exception("request_broke", method=scope["method"], path=scope["path"])
                elif problem.status >= 500:
                    log.error("request_failed", code=problem.code, path=scope["path"], error=repr(error))
                if status:
                    raise  # the answer has begun; cutting it short is the only way to say so
                await respond(problem, request_id)(scope, receive, send_with_id)
            finally:
                seconds = time.perf_counter() - began
                self.observe(scope["method"], _route(scope), status, seconds)
                log.debug("answered", method=scope["method"], path=scope["path"], status=status)


def _request_id(scope: Scope) -> str:
    """The caller's own id where it is fit for a log line, else a new one."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _SPELLING.fullmatch(given) else f"req_{uuid4().hex}"


def _refuse_nul(scope: Scope) -> None:
    """No database stores a NUL, so no address of ours holds one."""
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise Problem(422, "character_not_allowed", "The address holds a NUL character; leave it out.")


def _route(scope: Scope) -> str:
    """The template of the route, so that ids do not become labels."""
    route = scope.get("route")
    return str(getattr(route, "path", "unmatched"))
