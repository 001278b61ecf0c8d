"""What the server counts and measures, for Prometheus.

Labels are words out of short lists: routes as they are written in the source, kinds of outcome,
stages. Nothing that a client sends becomes one, so no name, title, address or number of a session
is ever told, and the number of series is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from mien.core.types import FrameResult

# Of stages and of requests, in seconds.
_STAGE_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_REQUEST_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
STAGES = ("decode", "detect", "crop", "classify", "waited")
OUTCOMES = ("read", "skipped", "refused")


class Metrics:
    """One app's counters, in a registry of their own."""

    def __init__(
        self,
        *,
        about: Callable[[], Mapping[str, str]],
        gauges: Mapping[str, tuple[str, Callable[[], float]]],
        jobs: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        """Begin at zero.

        Args:
            about: Tells what runs, as labels.
            gauges: Name to what it is, in words, and what tells its value when it is asked for.
            jobs: Tells how many uploaded jobs are in each state.
        """
        # A tenth of a second to load, which `import mien.web` need not wait for.
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
        from prometheus_client.process_collector import ProcessCollector

        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        for name, (words, value) in gauges.items():
            Gauge(name, words, registry=registry).set_function(value)
        self._requests = Counter(
            "mien_http_requests",
            "Requests that were answered; 101 are live connections.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._request_s = Histogram(
            "mien_http_request_seconds",
            "From a request to the end of its answer.",
            ("method", "route"),
            buckets=_REQUEST_S,
            registry=registry,
        )
        self._frames = Counter(
            "mien_live_frames",
            "Live frames: read, skipped since a newer one came, or refused.",
            ("outcome",),
            registry=registry,
        )
        self._stage_s = Histogram(
            "mien_frame_seconds",
            "Time that one live frame took in a stage; waited is for a free worker.",
            ("stage",),
            buckets=_STAGE_S,
            registry=registry,
        )
        self._faces = Counter("mien_faces_read", "Faces in live frames.", registry=registry)
        self._recorded = Counter(
            "mien_recorded_frames",
            "Live frames of sessions: kept, or dropped since the disk could not keep up.",
            ("outcome",),
            registry=registry,
        )
        for outcome in OUTCOMES:
            self._frames.labels(outcome)
        for outcome in ("kept", "dropped"):
            self._recorded.labels(outcome)
        for stage in STAGES:
            self._stage_s.labels(stage)
        registry.register(_Asked(about, jobs))

    def request(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """Count an answer; None for the seconds of a live connection, which are its viewer's."""
        self._requests.labels(method, route, str(status)).inc()
        if seconds is not None:
            self._request_s.labels(method, route).observe(seconds)

    def recorded(self, *, kept: bool) -> None:
        """Count a frame of a session that is recorded live."""
        self._recorded.labels("kept" if kept else "dropped").inc()

    def frame_read(self, result: FrameResult, waited_ms: float) -> None:
        """Count a live frame that was read, and what it took."""
        self._frames.labels("read").inc()
        self._faces.inc(len(result.faces))
        for stage, milliseconds in {**result.milliseconds, "waited": waited_ms}.items():
            if stage in STAGES:
                self._stage_s.labels(stage).observe(milliseconds / 1000)

    def frame_not_read(self, outcome: str) -> None:
        """Count a live frame that was `skipped` or `refused`."""
        self._frames.labels(outcome).inc()

    def exposition(self) -> tuple[bytes, str]:
        """Return all of it in Prometheus' text format, and the content type of that."""
        from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4


class LiveCounts:
    """Frames of one live connection, counted for its last line in the log and for `Metrics`."""

    def __init__(self, metrics: Metrics) -> None:
        """Begin at zero."""
        self._metrics = metrics
        self.read = self.skipped = self.refused = 0

    def to_dict(self) -> dict[str, int]:
        """Return how many frames were read, skipped and refused."""
        return {"read": self.read, "skipped": self.skipped, "refused": self.refused}

    def count_read(self, result: FrameResult, waited_ms: float) -> None:
        """Count a frame that was answered by a result."""
        self.read += 1
        self._metrics.frame_read(result, waited_ms)

    def count_skipped(self) -> None:
        """Count a frame that a newer one replaced."""
        self.skipped += 1
        self._metrics.frame_not_read("skipped")

    def count_refused(self) -> None:
        """Count a frame that was answered by an error."""
        self.refused += 1
        self._metrics.frame_not_read("refused")


class _Asked:
    """What is asked for when Prometheus asks: what runs, and the states of jobs."""

    def __init__(
        self, about: Callable[[], Mapping[str, str]], jobs: Callable[[], Mapping[str, int]]
    ) -> None:
        self._about, self._jobs = about, jobs

    def describe(self) -> Iterable[Metric]:
        """Return nothing: asking is not needed to know that the names are free."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return both."""
        from prometheus_client.core import GaugeMetricFamily

        about = self._about()
        info = GaugeMetricFamily("mien_info", "What runs.", labels=list(about))
        info.add_metric(list(about.values()), 1)
        yield info
        jobs = GaugeMetricFamily("mien_jobs", "Uploaded jobs by state.", labels=["state"])
        for state, number in self._jobs().items():
            jobs.add_metric([state], number)
        yield jobs
