"""Counters for Prometheus; they name routes, never people."""

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["Measures"]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.3, 0.6, 1.2, 2.5, 5.0, 10.0)


@dataclass
class Measures:
    """The counters of one server process."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self._requests = Counter(
            "supersede_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "supersede_request_seconds",
            "Seconds to answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._jobs = Gauge("supersede_jobs", "Jobs, by state.", ("state",), registry=self.registry)
        self._entries = Gauge("supersede_ledger_entries", "Entries.", registry=self.registry)
        self._workers = Gauge("supersede_workers", "Workers heard of.", registry=self.registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self, jobs: dict[str, int], entries: int, workers: int) -> bytes:
        """All counters, as Prometheus reads them."""
        for state in ("queued", "running", "done", "failed"):
            self._jobs.labels(state).set(jobs.get(state, 0))
        self._entries.set(entries)
        self._workers.set(workers)
        return generate_latest(self.registry)
