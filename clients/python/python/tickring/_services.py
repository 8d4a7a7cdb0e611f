"""Services, and the six trackers that services wrote by hand before."""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` would take longer to import than all of this.
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from typing_extensions import Self

from . import _core, _process
from ._core import ManualClock


class Service(_core.Service):
    """The events of a service: of the catalogue, or with ``events``.

        metrics = tickring.Service("sports-data")
        metrics.record_api_call()

        billing = tickring.Service("billing", events=["invoice"], timed=["payment"])
        billing.record_invoice()
        billing.record("payment", duration=0.012)

        shop = tickring.Service("shop", events=["request"], labels={"request": ["route", "method"]})
        shop.family("request").with_("/items/{id}", "GET").record()

    Each event has a method ``record_EVENT(count=1)``. An event with ``labels`` has a child for each set of
    values, of which there are 256 at most, or as many as ``label_sets`` says for it; see `Family`.

    ``forward`` also sends the sums to a server once a second: ``HOST:PORT`` of its StatsD over UDP, or the
    path of its Unix socket. ``basis`` says what a rate is: ``"rolling"`` over the last minute, ``"lifetime"``
    over the uptime. ``beside`` is a service whose ``/metrics`` this one joins.

    What is wrong here (a name, an address) raises ``ValueError`` at once. Counting never raises.
    """

    def __new__(
        cls,
        name: str,
        events: Sequence[str] | None = None,
        *,
        timed: Sequence[str] = (),
        labels: Mapping[str, Sequence[str]] | None = None,
        label_sets: Mapping[str, int] | None = None,
        port: int | None = None,
        category: str | None = None,
        basis: str | None = None,
        forward: str | None = None,
        beside: _core.Service | None = None,
        clock: ManualClock | None = None,
    ) -> Self:
        if isinstance(events, str) or isinstance(timed, str):
            raise ValueError("events and timed are lists of names, not one name")
        if events is None and timed:
            raise ValueError("timed goes with events; which events of the catalogue are timed is known")
        if any(isinstance(keys, str) for keys in (labels or {}).values()):
            raise ValueError("labels has a list of names for each event, not one name")
        return super().__new__(
            cls, name, None if events is None else list(events), timed=list(timed),
            labels={event: list(keys) for event, keys in (labels or {}).items()},
            label_sets=dict(label_sets or {}), port=port,
            category=category, basis=basis, forward=forward, beside=beside, clock=clock,
        )

    def __init__(self, *_: Any, **__: Any) -> None:
        for event in self.events:
            method = "record_" + event.replace(".", "_").replace("-", "_")
            if not hasattr(type(self), method):
                self.__dict__[method] = self.meter(event).record
        _process.watch_children()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Tracker(Service):
    _SERVICE = ""

    def __new__(
        cls,
        service: str | None = None,
        *,
        labels: Mapping[str, Sequence[str]] | None = None,
        label_sets: Mapping[str, int] | None = None,
        forward: str | None = None,
        clock: ManualClock | None = None,
    ) -> Self:
        return super().__new__(
            cls, service or cls._SERVICE, labels=labels, label_sets=label_sets, forward=forward,
            clock=clock)


class EventRateTracker(_Tracker):
    """Counts the events of websocket-ingestion: ``record_event(event_data)``. Rates are over the last
    minute, however many events it had."""

    _SERVICE = "websocket-ingestion"


class ProcessingMetrics(_Tracker):
    """Counts the events of enrichment-pipeline, and how long they took:
    ``record_processing(processing_time)``, in seconds. Rates are over the last minute."""

    _SERVICE = "enrichment-pipeline"

    def get_quantile(self, q: float) -> float | None:
        """How long an event took, in seconds: 0.5 is the median of the last minute. ``None`` without an
        event."""
        return self.timer_snapshot("event").quantile(q)

    def get_mean(self) -> float | None:
        """The mean of the last minute, in seconds; ``None`` without an event."""
        return self.timer_snapshot("event").mean

    def get_max(self) -> float | None:
        """The longest of the last minute, in seconds; ``None`` without an event."""
        return self.timer_snapshot("event").max


class APIMetrics(_Tracker):
    """Counts the requests of data-api: ``record_request()``. Rates are over the last minute."""

    _SERVICE = "data-api"

    def get_requests_per_second(self) -> float:
        """Requests per second over the last minute."""
        return self.get_events_per_second()

    def get_requests_per_hour(self) -> float:
        """``get_requests_per_second`` times 3600."""
        return self.get_events_per_hour()

    def get_total_requests(self) -> int:
        """All requests since the start."""
        return self.get_total_events()


class SportsMetrics(_Tracker):
    """Counts what sports-data does: ``record_api_call()``, ``record_data_fetch()``. Rates are over the
    uptime."""

    _SERVICE = "sports-data"


class WeatherMetrics(_Tracker):
    """Counts what weather-api does: ``record_weather_request()``, ``record_enrichment_call()``. Rates are
    over the uptime."""

    _SERVICE = "weather-api"


class AIMetrics(_Tracker):
    """Counts what ai-automation-service does: ``record_analysis_request()``,
    ``record_pattern_detection()``, ``record_suggestion_generation()``. Rates are over the uptime."""

    _SERVICE = "ai-automation-service"
