"""A service of a few lines, for what a client must do when a service misbehaves."""

from collections.abc import Callable

import httpx

from limbeck import Client

Answer = Callable[[httpx.Request], httpx.Response]


class FakeService:
    """Answers each request with the next of its answers, and remembers what it was asked."""

    def __init__(self, *answers: Answer | httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/healthz":
            return httpx.Response(200, json={"status": "ok"})
        request.read()
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    def client(self, *, retry_for: float = 5.0) -> Client:
        return Client("http://service", "lmb_key", retry_for=retry_for, transport=httpx.MockTransport(self))


def problem(status: int, code: str = "code", **more: object) -> httpx.Response:
    body = {
        "type": "about:blank",
        "title": "No",
        "status": status,
        "detail": "said why",
        "code": code,
        **more,
    }
    return httpx.Response(status, json=body, headers={"X-Request-ID": "req_1"})
