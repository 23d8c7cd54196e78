"""Figures for Prometheus: requests are counted as they pass, all else is read when asked for."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ledger.states import JobStatus, Lane

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Telemetry:
    """The figures of one process, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "limbeck_http_requests_total",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "limbeck_http_request_duration_seconds",
            "From the first byte of a request to the last of its answer.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._jobs = self._gauge("limbeck_jobs", "Jobs by status.", "status")
        self._waiting = self._gauge("limbeck_doorbell_waiting", "Messages in the list of a lane.", "lane")
        self._workers = self._gauge("limbeck_workers", "Workers seen lately.", "lane")

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(method, route).observe(seconds)

    def exposition(
        self,
        *,
        jobs: Mapping[JobStatus, int],
        waiting: Mapping[Lane, int],
        workers: Mapping[Lane, int],
    ) -> bytes:
        """Prometheus' text format, with these figures of the moment."""
        for status, count in jobs.items():
            self._jobs.labels(status).set(count)
        for lane in Lane:
            self._waiting.labels(lane).set(waiting.get(lane, float("nan")))
            self._workers.labels(lane).set(workers[lane])
        return generate_latest(self.registry)

    def _gauge(self, name: str, documentation: str, label: str) -> Gauge:
        return Gauge(name, documentation, [label], registry=self.registry)
